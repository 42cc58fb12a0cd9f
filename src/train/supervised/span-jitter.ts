/**
 * Moves spans to where another annotator might have drawn them, for models that reinforcement learning will explore. A model that was tuned
 * on spans with always the same kind of start and end is certain of them: one token beside, log P is below -15. It never tries other
 * places, so it cannot learn their worth.
 */
import { z } from "zod";

import type { Rng } from "../../core/rng.ts";
import type { Span } from "../../formats/trace-row.ts";

const probability = z.number().min(0).max(1);

export const spanJitterSchema = z.strictObject({
  /**
   * Probability that a span's start moves: after its leading white space, or one word earlier or later. The last two are a quarter as
   * likely each.
   */
  start: probability.default(0),
  /**
   * Probability that a span's end moves: before its trailing punctuation, or one word earlier or later. The last two are a quarter as
   * likely each.
   */
  end: probability.default(0),
  /** Probability that a span is dropped, so that the small model writes it. */
  drop: probability.default(0),
  /** Probability that a trace gets another span of one to three words, anywhere. */
  add: probability.default(0),
});

export type SpanJitter = z.output<typeof spanJitterSchema>;

/** Moved spans, in order and apart from each other, like `spans`. The same generator gives the same spans. */
export function jitterSpans(
  trace: string,
  spans: readonly Span[],
  jitter: SpanJitter,
  rng: Rng,
): { readonly start: number; readonly end: number }[] {
  const words = [...trace.matchAll(/\s*\S+/gu)].map(({ 0: text, index }) => ({
    start: index,
    end: index + text.length,
  }));
  const moved: { start: number; end: number }[] = [];
  for (const { start, end } of spans) {
    if (rng.next() < jitter.drop) continue;
    const from = rng.next() < jitter.start ? movedStart(trace, start, words, rng) : start;
    const to = rng.next() < jitter.end ? movedEnd(trace, end, words, rng) : end;
    moved.push(from < to ? { start: from, end: to } : { start, end });
  }
  if (rng.next() < jitter.add && words.length > 0) {
    const first = rng.integer(0, words.length - 1);
    const last = Math.min(words.length - 1, first + rng.integer(0, 2));
    moved.push({ start: words[first]?.start ?? 0, end: words[last]?.end ?? trace.length });
  }
  moved.sort((one, other) => one.start - other.start);
  const apart: { start: number; end: number }[] = [];
  for (const span of moved) if (span.start > (apart.at(-1)?.end ?? -1)) apart.push(span);
  return apart;
}

type Word = { readonly start: number; readonly end: number };

function movedStart(trace: string, start: number, words: readonly Word[], rng: Rng): number {
  const draw = rng.next() * 1.5;
  if (draw < 1) return start + (/^\s+/u.exec(trace.slice(start))?.[0].length ?? 0);
  if (draw < 1.25) return words.findLast((word) => word.start < start)?.start ?? start;
  return words.find((word) => word.start > start)?.start ?? start;
}

function movedEnd(trace: string, end: number, words: readonly Word[], rng: Rng): number {
  const draw = rng.next() * 1.5;
  if (draw < 1) return end - (/[\p{P}\s]+$/u.exec(trace.slice(0, end))?.[0].length ?? 0);
  if (draw < 1.25) return words.findLast((word) => word.end < end)?.end ?? end;
  return words.find((word) => word.end > end)?.end ?? end;
}
