/** What models do to a passage that they were asked to copy, with the place that it came from known. */
import type { Rng } from "../../../src/core/rng.ts";
import type { VoicedTrace } from "./re-voiced.ts";

export interface Quotation {
  readonly snippet: string;
  readonly corruption: Corruption;
  /** Where it is from; undefined for what is not in the trace. */
  readonly truth: Truth | undefined;
}

export interface Truth {
  readonly start: number;
  readonly end: number;
  /** Edges of what was quoted of it, where edges were left out: as good as those of the whole. */
  readonly quoted: { readonly start: number; readonly end: number };
}

type Corruption = keyof typeof CORRUPTIONS | "absent-other" | "absent-remark" | "absent-numbers";

interface Changed {
  readonly text: string;
  /** Units left out at either end. */
  readonly cut?: { readonly start: number; readonly end: number };
}

type Change = (text: string, rng: Rng) => Changed | string;

export const CORRUPTIONS = {
  verbatim: (text) => text,
  "lost white space": (text, rng) =>
    rng.next() < 0.5
      ? text.replaceAll(/\s+/gu, " ").replaceAll(/ ?([-+*/=×]|\\cdot|\\times) ?/gu, "$1")
      : text.replaceAll(/\s*\n\s*/gu, " ").replaceAll(/(?<=\S) (?=\\[[(]|\d)/gu, ""),
  "no white space in formulas": (text) =>
    text.replaceAll(/\\\([^]*?\\\)|\\\[[^]*?\\\]|\$\$[^$]*\$\$/gu, (formula) =>
      formula.replaceAll(/(?<!\\[a-z]+) | (?![a-zA-Z\d])/gu, ""),
    ),
  "other LaTeX": (text, rng) => otherLatex(text, rng),
  "backslashes eaten": (text) =>
    text
      .replaceAll(/\\f(?=rac)/gu, "\f")
      .replaceAll(/\\t(?=imes)/gu, "\t")
      .replaceAll(/\\b(?=oxed)/gu, "\b"),
  typography: (text, rng) => typography(text, rng),
  paraphrase: (text, rng) => paraphrase(text, rng),
  elision: (text, rng) => elision(text, rng),
  "edges left out": (text, rng) => withoutEdges(text, rng),
  "words added": (text, rng) =>
    `${rng.pick(["Key step: ", "Here, ", "- ", "1. "])}${text}${rng.pick(["", "", " (important)"])}`,
  typing: (text, rng) => mistyped(text, rng),
  "several at once": (text, rng) =>
    otherLatex(paraphrase(typography(text.replaceAll(/\s+/gu, " "), rng), rng), rng),
} as const satisfies Readonly<Record<string, Change>>;

/** One quotation of a passage of one to three parts; `absentShare` of them are of nothing in the trace. */
export function quote(traces: readonly VoicedTrace[], index: number, rng: Rng, absentShare = 0.1): Quotation {
  const trace = traces[index] as VoicedTrace;
  if (rng.next() < absentShare) return absent(traces, index, rng);
  const { start, end } = passage(trace, rng);
  const text = trace.row.trace.slice(start, end);
  const corruption = rng.pick(Object.keys(CORRUPTIONS)) as keyof typeof CORRUPTIONS;
  const changed: Changed | string = CORRUPTIONS[corruption](text, rng);
  const { text: snippet, cut = { start: 0, end: 0 } } =
    typeof changed === "string" ? { text: changed } : changed;
  return {
    snippet,
    corruption,
    truth: { start, end, quoted: { start: start + cut.start, end: end - cut.end } },
  };
}

/** Parts that are about the problem, and together long enough to be looked for. */
export function passage({ parts }: VoicedTrace, rng: Rng): { readonly start: number; readonly end: number } {
  for (;;) {
    const first = rng.integer(0, parts.length - 1);
    const last = Math.min(parts.length - 1, first + rng.integer(0, 2));
    const chosen = parts.slice(first, last + 1);
    const start = chosen[0]?.start ?? 0;
    const end = chosen.at(-1)?.end ?? 0;
    if (chosen[0]?.isOwn === true && chosen.at(-1)?.isOwn === true && end - start >= 20)
      return { start, end };
  }
}

function absent(traces: readonly VoicedTrace[], index: number, rng: Rng): Quotation {
  const kind = rng.integer(0, 2);
  if (kind === 0) return { snippet: rng.pick(REMARKS), corruption: "absent-remark", truth: undefined };
  const other = kind === 1 ? (index + 1 + rng.integer(0, traces.length - 2)) % traces.length : index;
  const trace = traces[other] as VoicedTrace;
  const { start, end } = passage(trace, rng);
  const text = trace.row.trace.slice(start, end);
  if (kind === 1) return { snippet: text, corruption: "absent-other", truth: undefined };
  // The wording of this trace with other numbers: a step that is not there.
  const numbers = text.replaceAll(/\d+/gu, (digits) =>
    digits.replaceAll(/./gu, () => String(rng.integer(1, 9))),
  );
  return /\d/u.test(text) && numbers !== text
    ? { snippet: numbers, corruption: "absent-numbers", truth: undefined }
    : { snippet: rng.pick(REMARKS), corruption: "absent-remark", truth: undefined };
}

function otherLatex(text: string, rng: Rng): string {
  const swaps: readonly ((text: string) => string)[] = [
    (one) => one.replaceAll(/\\\(|\\\)/gu, "$"),
    (one) => one.replaceAll(/\\\[ ?| ?\\\]/gu, "$$$$"),
    (one) => one.replaceAll("\\cdot", "\\times"),
    (one) => one.replaceAll("\\times", "×"),
    (one) => one.replaceAll("\\frac", "\\dfrac"),
    (one) => one.replaceAll(/\\[()[\]]|\$\$/gu, ""),
    (one) => one.replaceAll(/\\frac\{([\d.]+)\}\{([\d.]+)\}/gu, "$1/$2"),
    (one) => one.replaceAll(" * ", " \\times "),
    (one) => one.replaceAll(/(?<=\d),(?=\d{3})/gu, "{,}"),
    (one) => one.replaceAll(/\\\((.*?)\\\)/gu, "\\left( $1 \\right)"),
  ];
  return rng
    .shuffle([...swaps])
    .slice(0, 3)
    .reduce((changed, swap) => swap(changed), text);
}

function typography(text: string, rng: Rng): string {
  const swaps: readonly ((text: string) => string)[] = [
    (one) => one.replaceAll("'", "’"),
    (one) => `"${one}"`,
    (one) => one.replace(/[.!?]$/u, ""),
    (one) => one.replaceAll(" - ", " − "),
    (one) => `${one.slice(0, 1).toLowerCase()}${one.slice(1)}`,
    (one) => one.replaceAll(/(?<=\d) (?=\d)/gu, "\u00a0"),
    (one) => `**${one}**`,
  ];
  return rng
    .shuffle([...swaps])
    .slice(0, 2)
    .reduce((changed, swap) => swap(changed), text);
}

const SYNONYMS: readonly (readonly [RegExp, string])[] = [
  [/\bso\b/giu, "thus"],
  [/\bthat is\b/giu, "that's"],
  [/\btotal of\b/giu, "total"],
  [/\bhow many\b/giu, "what number of"],
  [/\bneeds?\b/giu, "requires"],
  [/\bgives\b/giu, "yields"],
  [/\bare\b/giu, "were"],
  [/\bthe\b/giu, "this"],
  [/\bmeans\b/giu, "implies"],
  [/\blet me\b/giu, "let's"],
  [/\beach\b/giu, "every"],
  [/\bcosts?\b/giu, "is priced at"],
  [/\bmakes?\b/giu, "produces"],
  [/\bhas\b/giu, "owns"],
];

function paraphrase(text: string, rng: Rng): string {
  return rng
    .shuffle([...SYNONYMS])
    .slice(0, 4)
    .reduce((changed, [from, to]) => changed.replace(from, to), text);
}

function elision(text: string, rng: Rng): string {
  const words = text.split(/(?<=\s)/u);
  if (words.length < 8) return text;
  const length = rng.integer(1, Math.max(1, Math.floor(words.length / 5)));
  const at = rng.integer(2, words.length - length - 2);
  return [...words.slice(0, at), rng.next() < 0.5 ? "... " : "", ...words.slice(at + length)].join("");
}

function withoutEdges(text: string, rng: Rng): Changed {
  const words = text.split(/(?<=\s)/u);
  if (words.length < 7) return { text };
  const most = Math.max(1, Math.floor(words.length / 5));
  const [front, back] = [rng.integer(0, most), rng.integer(0, most)];
  const start = words.slice(0, front).join("").length;
  const kept = words
    .slice(front, words.length - back)
    .join("")
    .trimEnd();
  return { text: kept, cut: { start, end: text.length - start - kept.length } };
}

function mistyped(text: string, rng: Rng): string {
  const units = text.split("");
  for (let mistakes = Math.max(1, Math.round(units.length * 0.03)); mistakes > 0; mistakes--) {
    const at = rng.integer(0, units.length - 1);
    // Numbers are copied rightly: a wrong one is another step.
    if (/[\d\\]/u.test(units[at] ?? "")) continue;
    const kind = rng.integer(0, 2);
    if (kind === 0) units.splice(at, 1);
    else if (kind === 1) units.splice(at, 0, units[at] ?? "");
    else units[at] = rng.pick("etaoinsr".split(""));
  }
  return units.join("");
}

const REMARKS = [
  "The main difficulty here lies in setting up the right equation.",
  "This step requires careful reasoning about the constraints.",
  "By the pigeonhole principle at least two of the residues coincide.",
  "Applying the quadratic formula gives \\(x = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}\\).",
  "We differentiate both sides with respect to x and set the result to zero.",
  "The remaining cases follow by symmetry.",
  "No difficult passages were found in this text.",
];
