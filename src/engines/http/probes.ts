/** The places at which a server without scores at every position is asked whether a marker comes next. */

/** Punctuation after which a reasoning step may be over, with closing quotes and brackets. */
const STEP_END = /(?:[.!?;:]["')\]]*\s*|\n\s*)$/u;

/**
 * Indices of the tokens after which to ask, in order. The last token is always among them.
 * @param texts The text that each token adds. It is empty within a code point, where the server is not asked.
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

/** Groups the items in order. A group has at most `maxItems` items of total size `maxSize`, but always one item. */
export function batches<T>(
  items: readonly T[],
  maxItems: number,
  maxSize: number,
  size: (item: T) => number,
): T[][] {
  const groups: T[][] = [];
  let group: T[] = [];
  let total = 0;
  for (const item of items) {
    const extent = size(item);
    if (group.length > 0 && (group.length >= maxItems || total + extent > maxSize)) {
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
