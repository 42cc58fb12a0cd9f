/** Cleans answers in LaTeX: removes layout, currency, separators of thousands and units, and keeps the meaning. */

/** Longer answers are only compared letter by letter. */
export const MAX_ANSWER_LENGTH = 600;

const TEXT_COMMAND = String.raw`\\(?:text|textbf|textit|textrm|mbox|mathrm|mathbf|operatorname|rm)`;
/** A unit in words after a value, with its exponent. */
const UNIT = new RegExp(
  String.raw`(?<=[\d})!\]]|\\pi|[a-z])\s*${TEXT_COMMAND}\s*\{\s*[a-zA-Z][a-zA-Z .,/^0-9]*\}(?:\s*\^\s*(?:\{\s*\d\s*\}|\d))?\s*$`,
  "u",
);
const BARE_UNIT =
  /(?<=[\d}])\s*(?:degrees?|dollars?|cents?|inch(?:es)?|feet|foot|units?|square units|meters?|metres?|hours?|minutes?|seconds?|days?|years?|miles?|percent|cm|mm|km|kg|mph)(?:\s*\^\s*(?:\{\d\}|\d))?\s*$/u;

export function cleanLatex(latex: string): string {
  let text = latex.slice(0, MAX_ANSWER_LENGTH + 1).trim();
  text = text.replace(/^\$+|(?<!\\)\$+[.,;]?$/gu, "").replace(/^\\[[(]|\\[\])][.,;]?$/gu, "");
  text = text
    .replace(/(?<!\\)\\(?:!|,|;|:|>|quad|qquad|displaystyle|textstyle|limits)(?![a-zA-Z])|~/gu, " ")
    .replace(/(?<!\\)\\ /gu, " ")
    .replace(/\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])\s*/gu, "")
    .replace(/\{,\}/gu, ",")
    .replace(/\\[dtc]frac(?![a-zA-Z])/gu, "\\frac")
    .replace(/\\dbinom|\\tbinom/gu, "\\binom")
    .replace(/\\[lr]brace(?![a-zA-Z])/gu, (brace) => (brace[1] === "l" ? "\\{" : "\\}"))
    .replace(/\\[lr]brack(?![a-zA-Z])/gu, (bracket) => (bracket[1] === "l" ? "[" : "]"))
    .replace(/\\(?:leqslant|leq)(?![a-zA-Z])|≤/gu, "\\le ")
    .replace(/\\(?:geqslant|geq)(?![a-zA-Z])|≥/gu, "\\ge ")
    .replace(/\\lt(?![a-zA-Z])/gu, "<")
    .replace(/\\gt(?![a-zA-Z])/gu, ">")
    .replace(/−|–/gu, "-")
    .replace(/π/gu, "\\pi ")
    .replace(/∞|\\infin(?![a-zA-Z])/gu, "\\infty ")
    .replace(/∪/gu, "\\cup ")
    .replace(/√/gu, "\\sqrt ")
    .replace(/×/gu, "\\times ")
    .replace(/·/gu, "\\cdot ")
    .replace(/\\\$|^\$/gu, "")
    .replace(/\\%|%/gu, "\\%")
    .replace(/\^\s*\{?\s*\\(?:circ|degree)\s*\}?|\\degree(?![a-zA-Z])|°/gu, "\\circ ")
    .replace(/\s+/gu, " ")
    .trim();
  text = text.replace(/(?<=\S)[.;,]$/u, "").trim();
  text = text.replace(UNIT, "").replace(BARE_UNIT, "").trim();
  return text;
}

/** Degrees are radians in a function of an angle, and a unit elsewhere. */
export function resolveDegrees(text: string): string {
  if (!text.includes("\\circ")) return text;
  return /\\(?:sin|cos|tan|cot|sec|csc)(?![a-zA-Z])/u.test(text)
    ? text.replaceAll("\\circ", "\\cdot\\frac{\\pi}{180}")
    : text.replaceAll("\\circ", "");
}

/** `1,234,567` and `10, 080` (whose space was `\!`) as one number, `1,23` not. */
export const joinThousands = (text: string): string =>
  text
    .replace(/(?<![\d.])([1-9]\d{0,2})((?:, ?\d{3})+)(?![\d,])/gu, (whole, head: string, rest: string) =>
      rest.includes(", ") && !/^\d{1,3}(?:, \d{3})+$/u.test(text.trim())
        ? whole
        : head + rest.replace(/[, ]/gu, ""),
    )
    .replace(/(?<=\d) (?=\d{3}(?:\D|$))/gu, "");

/** Reduces a text to what comparing words needs: letters and digits, in lower case, without wrapping commands. */
export const plainWords = (text: string): string =>
  text
    .replace(new RegExp(TEXT_COMMAND, "gu"), "")
    .replace(/\\(?:left|right|[,;:! ])/gu, "")
    .replace(/[{}$\s()]|[.,;]+$/gu, "")
    .toLowerCase();
