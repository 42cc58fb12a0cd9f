/**
 * The form in which a quotation and the text that it was taken from are compared: what models change without meaning to (white space,
 * case, typography, the many spellings of the same LaTeX) is gone, and every unit knows where in the original it came from.
 */

export interface NormalForm {
  readonly text: string;
  /** For each unit of `text`, the offset of the original unit that it stands for. */
  readonly starts: Uint32Array;
  /** For each unit of `text`, the offset behind what it stands for. */
  readonly ends: Uint32Array;
}

/** LaTeX commands that change how a formula looks, or nothing at all. */
const SILENT_COMMANDS: ReadonlySet<string> = new Set(
  "left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle textstyle limits nolimits quad qquad text mathrm mathbf mathit textbf textit operatorname boldsymbol mbox hspace thinspace".split(
    " ",
  ),
);

/** Spellings of one sign. The values are in normal form. */
const COMMAND_SIGNS: Readonly<Record<string, string>> = {
  cdot: "*",
  times: "*",
  ast: "*",
  div: "/",
  dfrac: "\\frac",
  tfrac: "\\frac",
  cfrac: "\\frac",
  dbinom: "\\binom",
  tbinom: "\\binom",
  le: "≤",
  leq: "≤",
  leqslant: "≤",
  ge: "≥",
  geq: "≥",
  geqslant: "≥",
  ne: "≠",
  neq: "≠",
  approx: "≈",
  equiv: "≡",
  pm: "±",
  infty: "∞",
  pi: "π",
  theta: "θ",
  alpha: "α",
  beta: "β",
  gamma: "γ",
  delta: "δ",
  lambda: "λ",
  mu: "μ",
  sigma: "σ",
  phi: "φ",
  omega: "ω",
  angle: "∠",
  circ: "°",
  degree: "°",
  to: "→",
  rightarrow: "→",
  implies: "⇒",
  Rightarrow: "⇒",
  iff: "⇔",
  in: "∈",
  cup: "∪",
  cap: "∩",
  ldots: "...",
  dots: "...",
  cdots: "...",
  sqrt: "√",
  sum: "∑",
  prod: "∏",
  int: "∫",
  mod: "mod",
  bmod: "mod",
  pmod: "mod",
  lbrace: "",
  rbrace: "",
  lfloor: "⌊",
  rfloor: "⌋",
};

const SIGNS: Readonly<Record<string, string>> = {
  "×": "*",
  "·": "*",
  "⋅": "*",
  "∗": "*",
  "∙": "*",
  "÷": "/",
  "−": "-",
  "–": "-",
  "—": "-",
  "‐": "-",
  "‑": "-",
  "‘": "'",
  "’": "'",
  "“": '"',
  "”": '"',
  "…": "...",
  "⩽": "≤",
  "⩾": "≥",
  $: "",
  "{": "",
  "}": "",
  "`": "",
  "\u200b": "",
  "\ufeff": "",
};

/** Sticky: one LaTeX command (its backslash doubled or not), one run of backslashes, one piece of emphasis, or a run of white space. */
const TOKEN = /\\+([A-Za-z]+)\*?|\\+([^A-Za-z\\]?)|\*\*+|\s+/uy;

export function normalForm(original: string): NormalForm {
  const starts: number[] = [];
  const ends: number[] = [];
  const parts: string[] = [];
  const push = (text: string, start: number, end: number): void => {
    for (let unit = 0; unit < text.length; unit++) {
      starts.push(start);
      ends.push(end);
    }
    if (text !== "") parts.push(text);
  };
  let offset = 0;
  while (offset < original.length) {
    const character = original[offset] ?? "";
    if (character === "\\" || character === "*" || character <= " " || character === "\u00a0") {
      TOKEN.lastIndex = offset;
      const match = TOKEN.exec(original);
      if (match !== null) {
        const end = offset + match[0].length;
        push(normalToken(match), offset, end);
        offset = end;
        continue;
      }
    }
    push(SIGNS[character] ?? lowered(character), offset, offset + 1);
    offset++;
  }
  return { text: parts.join(""), starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
}

function normalToken(match: RegExpExecArray): string {
  const [whole, command, behind] = match;
  if (command !== undefined) {
    if (SILENT_COMMANDS.has(command)) return "";
    return Object.hasOwn(COMMAND_SIGNS, command) ? (COMMAND_SIGNS[command] ?? "") : `\\${lowered(command)}`;
  }
  // White space, emphasis, \( \) \[ \] \, \; \! \\ and escaped signs.
  if (behind === undefined || /[\s()[\],;:!{}]/u.test(behind)) return "";
  return whole.startsWith("\\") ? (SIGNS[behind] ?? behind) : "";
}

/** Lower case where that keeps the length: an offset is an offset. */
function lowered(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}

/** Letters behind a JSON escape that a model forgot to double: `"\frac"` read as JSON is a form feed and `rac`. */
const EATEN: readonly (readonly [RegExp, string])[] = [
  [/\f/gu, "\\f"],
  // Backspace: in a pattern \b is a word's edge.
  [/[\b]/gu, "\\b"],
  [/\t(?=imes\b|ext\b|extbf\b|frac\b|heta\b|an\b|au\b|o\b|riangle\b|ilde\b|herefore\b)/gu, "\\t"],
  [/\r(?=ight|ho\b|angle\b|floor\b|ceil\b)/gu, "\\r"],
  [/\n(?=eq\b|abla\b|eg\b|otin\b|mid\b)/gu, "\\n"],
];

/** Gives back to a quotation the backslashes that reading it as JSON took. */
export function restoreBackslashes(quotation: string): string {
  return EATEN.reduce((text, [pattern, replacement]) => text.replace(pattern, () => replacement), quotation);
}
