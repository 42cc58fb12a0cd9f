/** Finds the letter that a text chooses in a multiple-choice question. */
import { boxedAnswer } from "./extract.ts";

/**
 * Returns the letter in the last box, or after the last "answer is" or "answer:"; null if neither names one of `letters`.
 * @param letters In upper case, e.g. "ABCD".
 */
export function chosenLetter(text: string, letters: string): string | null {
  const boxed = boxedAnswer(text);
  if (boxed !== null) return letterOf(boxed, letters);
  const said = [...text.slice(-4000).matchAll(/answer(?:\s+is|\s*:)[\s*:]*([^\n]{1,40})/giu)].at(-1)?.[1];
  return said === undefined ? null : letterOf(said, letters);
}

/** `B`, `(B)`, `\text{B}`, `\textbf{(B) } 3`, `B. 3`, `Option B`; not the first letter of a word. */
function letterOf(answer: string, letters: string): string | null {
  const plain = answer
    .replace(/\\(?:text|textbf|mathrm|mathbf|mbox|textrm|rm|bf)\b/gu, " ")
    .replace(/[{}$*\\]/gu, " ")
    .replace(/\b(?:the|option|choice|answer|is)\b/giu, " ")
    .trim();
  const letter = /^\(?\s*([A-Za-z])\s*(?:$|[).:,\s])/u.exec(plain)?.[1]?.toUpperCase();
  return letter !== undefined && letters.includes(letter) ? letter : null;
}
