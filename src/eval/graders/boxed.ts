/** Finds answers in `\boxed{...}`, where prompts ask for them. */

/** Longest content that counts as an answer, in UTF-16 code units. */
const MAX_LENGTH = 2000;
/** Number of boxes that are looked at, from the last one back. */
const MAX_BOXES = 50;

/** The trimmed content of the last `\boxed{}` or `\fbox{}` whose braces balance; null without one. */
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

/** The box that begins with `\boxed` or `\fbox` at `start`; `end` is the position after its closing brace. */
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
