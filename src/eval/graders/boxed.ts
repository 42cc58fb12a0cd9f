/** The answer in a text that ends as mathematics is asked to end: in `\boxed{...}`. */

/** Longest content that counts as an answer, in UTF-16 code units. */
const MAX_LENGTH = 2000;
/** How many boxes, from the last one back, are looked at before giving up. */
const MAX_BOXES = 50;

/** The content of the last `\boxed{}` or `\fbox{}` whose braces balance, trimmed; null when there is none. */
export function lastBoxed(text: string): string | null {
  let from = text.length;
  for (let looked = 0; looked < MAX_BOXES; looked++) {
    const start = Math.max(text.lastIndexOf("\\boxed", from), text.lastIndexOf("\\fbox", from));
    if (start < 0) return null;
    const box = boxAt(text, start);
    if (box !== undefined) return box.content.trim();
    if (start === 0) return null;
    from = start - 1;
  }
  return null;
}

/** The box that begins at `start`, where `\boxed` or `\fbox` stands; `end` is behind its closing brace. */
export function boxAt(
  text: string,
  start: number,
): { readonly content: string; readonly end: number } | undefined {
  const open = /^\\(?:boxed|fbox)\s*\{/u.exec(text.slice(start, start + 32))?.[0];
  if (open === undefined) return undefined;
  const first = start + open.length;
  let depth = 1;
  for (let index = first; index < Math.min(text.length, first + MAX_LENGTH); index++) {
    const character = text[index];
    // `\{` and `\}` are printed braces and do not group.
    if (character === "\\") index += 1;
    else if (character === "{") depth += 1;
    else if (character === "}" && --depth === 0) {
      return { content: text.slice(first, index), end: index + 1 };
    }
  }
  return undefined;
}
