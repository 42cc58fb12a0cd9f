/** The final answer of a text, as reasoning models mark it: the last `\boxed{...}`, with balanced braces. */

const OPEN = "\\boxed{";
/** Longest answer. A longer text is not an answer. */
const MAX_ANSWER_CHARACTERS = 400;

export function boxedAnswer(text: string): string | undefined {
  const start = text.lastIndexOf(OPEN);
  if (start < 0) return undefined;
  const end = closingBrace(text, start + OPEN.length - 1, MAX_ANSWER_CHARACTERS);
  return end === undefined ? undefined : text.slice(start + OPEN.length, end).trim() || undefined;
}

/** The position of the brace that closes the one at `open`; undefined when there is none within `limit` characters. */
export function closingBrace(text: string, open: number, limit: number): number | undefined {
  let depth = 0;
  for (let position = open; position < text.length && position - open <= limit; position++) {
    const character = text[position];
    if (character === "\\") position++;
    else if (character === "{") depth++;
    else if (character === "}" && --depth === 0) return position;
  }
  return undefined;
}
