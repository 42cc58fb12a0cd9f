/** Where a server without scores at every position is asked whether a marker comes next. */

/** Behind these (and closing quotes and brackets) a step may be over. */
const STEP_END = /(?:[.!?;:]["')\]]*\s*|\n\s*)$/u;

/**
 * Indices of the tokens after which to ask, in order; the last one always.
 * @param texts What each token adds to the text: empty within a code point, where nobody is asked.
 * @param everyTokens Longest distance between two places.
 */
export function probePlaces(
  texts: readonly string[],
  mode: "boundaries" | "every",
  everyTokens: number,
): readonly number[] {
  const places: number[] = [];
  let last = -1;
  for (const [index, text] of texts.entries()) {
    const isLast = index === texts.length - 1;
    if (!isLast && text === "") continue;
    const isPlace = isLast || mode === "every" || index - last >= everyTokens || STEP_END.test(text);
    if (!isPlace) continue;
    places.push(index);
    last = index;
  }
  return places;
}

/** Groups of at most `most` elements, and of at most `mostSize` by `size`, one element at least. */
export function batches<T>(
  items: readonly T[],
  most: number,
  mostSize: number,
  size: (item: T) => number,
): T[][] {
  const groups: T[][] = [];
  let group: T[] = [];
  let total = 0;
  for (const item of items) {
    const extent = size(item);
    if (group.length > 0 && (group.length >= most || total + extent > mostSize)) {
      groups.push(group);
      group = [];
      total = 0;
    }
    group.push(item);
    total += extent;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
