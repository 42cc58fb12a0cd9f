/**
 * Widens what the big model wrote to whole units of text. A policy may hand over within a number or a word. A small model that is to ask by
 * itself asks better before the whole of it.
 */
import type { Span } from "../../formats/trace-row.ts";
import { chainOfThought } from "../../tags/chain-of-thought.ts";

/** `token`: as the pair wrote it. Others: whole words, sentences, lines or paragraphs. */
export const GRAINS = ["token", "word", "sentence", "line", "paragraph"] as const;
export type Grain = (typeof GRAINS)[number];

/**
 * The first offset of each unit but the first. White space before a word belongs to the word, as it does in most vocabularies; line feeds
 * belong to what they end.
 */
const BEGINNINGS: Readonly<Record<Exclude<Grain, "token">, RegExp>> = {
  word: /(?<=\S)(?=\s)(?!\s*$)/gu,
  sentence: /(?<=[.!?]["'”’)\]}*]*)(?=[^\S\n]+\S)|(?<=\n)(?=[^\n]*\S)(?<!^\s*)/gu,
  line: /(?<=\n)(?=[^\n]*\S)(?<!^\s*)/gu,
  paragraph: /(?<=\n[^\S\n]*\n)(?=[^\n]*\S)(?<!^\s*)/gu,
};

/**
 * Spans in the chain of thought, in order, none empty or blank. Spans that touch become one.
 * @param written What the big model wrote, in order, as UTF-16 offsets into `trace`.
 */
export function widenSpans(trace: string, written: readonly Span[], grain: Grain): Span[] {
  const end = chainOfThought(trace).length;
  const beginnings =
    grain === "token" ? [] : Array.from(trace.matchAll(BEGINNINGS[grain]), ({ index }) => index);
  const spans: { start: number; end: number }[] = [];
  for (const span of written) {
    const widened = grain === "token" ? span : widen(trace, span, beginnings);
    const clipped = { start: widened.start, end: Math.min(widened.end, end) };
    if (trace.slice(clipped.start, clipped.end).trim() === "") continue;
    const last = spans.at(-1);
    if (last !== undefined && clipped.start <= last.end) last.end = Math.max(last.end, clipped.end);
    else spans.push(clipped);
  }
  return spans;
}

/** A span that ends in the white space after a unit ends there, and does not take the next unit in. */
function widen(trace: string, { start, end }: Span, beginnings: readonly number[]): Span {
  const text = trace.slice(start, end);
  const firstInk = start + (text.length - text.trimStart().length);
  const lastInk = start + text.trimEnd().length - 1;
  if (lastInk < firstInk) return { start, end };
  const from = beginnings.findLast((at) => at <= firstInk) ?? 0;
  const to = beginnings.find((at) => at > lastInk) ?? trace.length;
  return { start: Math.min(start, from), end: Math.max(end, to) };
}
