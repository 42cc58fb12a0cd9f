/**
 * The normal form in which a quotation and its text are compared. It drops what models change unintentionally: white space,
 * case, typography, and the many spellings of the same LaTeX. Every unit knows its place in the original.
 */

export interface NormalForm {
  readonly text: string;
  /** Start in the original of each unit of `text`. */
  readonly starts: Uint32Array;
  /** End in the original of each unit of `text`, exclusive. */
  readonly ends: Uint32Array;
}

/** LaTeX commands that change only the look of a formula, or nothing. */
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
  // A stroke divides adjacent groups, see below.
  frac: "",
  dfrac: "",
  tfrac: "",
  cfrac: "",
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

/** Another group follows, e.g. the denominator in `\frac{1}{2}`. */
const GROUP = /^\s*\{/u;

export function normalForm(original: string): NormalForm {
  const writer = new NormalWriter(original.length);
  let offset = 0;
  while (offset < original.length) {
    const code = original.charCodeAt(offset);
    // The common case: small letters and digits stand for themselves.
    if ((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39)) {
      writer.unit(code, offset, offset + 1);
      offset++;
      continue;
    }
    const character = original[offset] ?? "";
    if (character === "\\" || character === "*" || character <= " " || character === "\u00a0") {
      TOKEN.lastIndex = offset;
      const match = TOKEN.exec(original);
      if (match !== null) {
        const end = offset + match[0].length;
        writer.text(normalToken(match), offset, end);
        offset = end;
        continue;
      }
    }
    const isBetweenGroups = character === "}" && GROUP.test(original.slice(offset + 1, offset + 8));
    writer.text(isBetweenGroups ? "/" : (SIGNS[character] ?? lowered(character)), offset, offset + 1);
    offset++;
  }
  return writer.finish();
}

class NormalWriter {
  #units: Uint16Array<ArrayBuffer>;
  #starts: Uint32Array<ArrayBuffer>;
  #ends: Uint32Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity: number) {
    // One unit may become three, so the arrays grow where that happens often.
    this.#units = new Uint16Array(capacity + 16);
    this.#starts = new Uint32Array(capacity + 16);
    this.#ends = new Uint32Array(capacity + 16);
  }

  unit(code: number, start: number, end: number): void {
    if (this.#length === this.#units.length) this.#grow();
    this.#units[this.#length] = code;
    this.#starts[this.#length] = start;
    this.#ends[this.#length] = end;
    this.#length++;
  }

  text(text: string, start: number, end: number): void {
    for (let at = 0; at < text.length; at++) this.unit(text.charCodeAt(at), start, end);
  }

  finish(): NormalForm {
    const units = this.#units.subarray(0, this.#length);
    return {
      text: Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString("utf16le"),
      starts: this.#starts.subarray(0, this.#length),
      ends: this.#ends.subarray(0, this.#length),
    };
  }

  #grow(): void {
    const capacity = 2 * this.#units.length;
    const [units, starts, ends] = [this.#units, this.#starts, this.#ends];
    this.#units = new Uint16Array(capacity);
    this.#starts = new Uint32Array(capacity);
    this.#ends = new Uint32Array(capacity);
    this.#units.set(units);
    this.#starts.set(starts);
    this.#ends.set(ends);
  }
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

/** Lower case only where it keeps the length, so that offsets stay right. */
function lowered(text: string): string {
  const lower = text.toLowerCase();
  return lower.length === text.length ? lower : text;
}

/** Letters after a JSON escape whose backslash a model forgot to double: `"\frac"` read as JSON is a form feed and `rac`. */
const EATEN: readonly (readonly [RegExp, string])[] = [
  [/\f/gu, "\\f"],
  // Backspace: in a pattern \b is a word's edge.
  [/[\b]/gu, "\\b"],
  [/\t(?=imes\b|ext\b|extbf\b|frac\b|heta\b|an\b|au\b|o\b|riangle\b|ilde\b|herefore\b)/gu, "\\t"],
  [/\r(?=ight|ho\b|angle\b|floor\b|ceil\b)/gu, "\\r"],
  [/\n(?=eq\b|abla\b|eg\b|otin\b|mid\b)/gu, "\\n"],
];

/** Restores the backslashes that a quotation lost when it was read as JSON. */
export function restoreBackslashes(quotation: string): string {
  return EATEN.reduce((text, [pattern, replacement]) => text.replace(pattern, () => replacement), quotation);
}
