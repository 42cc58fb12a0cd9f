/** Measures how alike two texts are: by edits, and by the numbers in them. */

/** Above this many cells the result is an upper bound. */
const MOST_CELLS = 4_000_000;

/** Insertions, deletions and substitutions between two texts (Levenshtein), in UTF-16 units. */
export function editDistance(left: string, right: string): number {
  if (left === right) return 0;
  if (left.length * right.length > MOST_CELLS) return Math.max(left.length, right.length);
  const row = Int32Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let at = 1; at <= left.length; at++) {
    let diagonal = row[0] ?? 0;
    row[0] = at;
    const code = left.charCodeAt(at - 1);
    for (let place = 1; place <= right.length; place++) {
      const above = row[place] ?? 0;
      const changed = diagonal + (right.charCodeAt(place - 1) === code ? 0 : 1);
      row[place] = Math.min(changed, above + 1, (row[place - 1] ?? 0) + 1);
      diagonal = above;
    }
  }
  return row[right.length] ?? 0;
}

/** Share of the numbers of `quotation` that are in `text` as well, each as often; 1 when it has none. */
export function sharedNumbers(quotation: string, text: string): number {
  const wanted = numbersIn(quotation);
  if (wanted.length === 0) return 1;
  const there = new Map<string, number>();
  for (const number of numbersIn(text)) there.set(number, (there.get(number) ?? 0) + 1);
  let shared = 0;
  for (const number of wanted) {
    const left = there.get(number) ?? 0;
    if (left === 0) continue;
    there.set(number, left - 1);
    shared++;
  }
  return shared / wanted.length;
}

const numbersIn = (text: string): string[] => text.replaceAll(/(?<=\d),(?=\d{3})/gu, "").match(/\d+/gu) ?? [];
