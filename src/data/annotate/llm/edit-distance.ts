/** Insertions, deletions and substitutions between two texts (Levenshtein), in units. */

/** Above this the table is not filled: an upper bound is given instead. */
const MOST_CELLS = 4_000_000;

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
