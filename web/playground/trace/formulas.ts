/**
 * Finds formulas in finished text: `$...$`, `$$...$$`, `\(...\)`, `\[...\]` and a bare `\boxed{...}`. Prices stay text: a single
 * dollar opens only before a non-space, closes only after one, and not before a digit.
 */
import { closingBrace } from "../run/answer.ts";

export interface Formula {
  /** Where the formula with its delimiters begins and ends in the text. */
  readonly start: number;
  readonly end: number;
  readonly source: string;
  readonly display: boolean;
}

/** Longest formula. Longer ones stay text. */
export const MAX_FORMULA_CHARACTERS = 1000;

/** Most openers of one text that are tried. What follows them stays text. */
const MAX_TRIES = 4000;

const OPENERS = /\$\$?|\\\(|\\\[|\\boxed\{/g;

export function findFormulas(text: string): Formula[] {
  const found: Formula[] = [];
  OPENERS.lastIndex = 0;
  let tries = 0;
  for (let match = OPENERS.exec(text); match !== null && tries++ < MAX_TRIES; match = OPENERS.exec(text)) {
    const formula = formulaAt(text, match.index, match[0]);
    if (formula === undefined) continue;
    found.push(formula);
    OPENERS.lastIndex = formula.end;
  }
  return found;
}

/** Whether `text` ends inside display math that may still end within the limit, so that the next text belongs to it. */
export function endsInDisplayMath(text: string): boolean {
  // A formula that never ends must not make every later line search all earlier text.
  if (text.length > 2 * MAX_FORMULA_CHARACTERS) return false;
  const dollars = text.split("$$").length - 1;
  return dollars % 2 === 1 || text.lastIndexOf("\\[") > text.lastIndexOf("\\]");
}

function formulaAt(text: string, start: number, opener: string): Formula | undefined {
  switch (opener) {
    case "$$":
      return delimited(text, start, "$$", "$$", true);
    case "$":
      return inlineDollars(text, start);
    case "\\(":
      return delimited(text, start, opener, "\\)", false);
    case "\\[":
      return delimited(text, start, opener, "\\]", true);
    default: {
      const end = closingBrace(text, start + opener.length - 1, MAX_FORMULA_CHARACTERS);
      if (end === undefined) return undefined;
      return { start, end: end + 1, source: text.slice(start, end + 1), display: false };
    }
  }
}

function delimited(
  text: string,
  start: number,
  open: string,
  close: string,
  display: boolean,
): Formula | undefined {
  const from = start + open.length;
  const at = text.slice(from, from + MAX_FORMULA_CHARACTERS + close.length).indexOf(close);
  const source = text.slice(from, from + at);
  if (at < 0 || source.trim() === "") return undefined;
  return { start, end: from + at + close.length, source, display };
}

function inlineDollars(text: string, start: number): Formula | undefined {
  const near = text.slice(start, start + MAX_FORMULA_CHARACTERS + 2);
  const match = /^\$(?![\s$])((?:[^$\\\n]|\\[^\n])*?)(?<!\s)\$(?!\d)/.exec(near);
  const source = match?.[1];
  if (match === null || source === undefined || source === "") return undefined;
  return { start, end: start + match[0].length, source, display: false };
}
