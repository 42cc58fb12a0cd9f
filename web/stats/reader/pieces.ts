/** Cuts a trace at the edges of spans and, with scores, of words. Pure. */
import type { PageTrace } from "../../../src/data/stats/page-data.ts";

export interface TracePiece {
  readonly start: number;
  readonly text: string;
  /** Number of the span that the piece lies in. */
  readonly span?: number;
  /** Score of the word, in nats. */
  readonly score?: number;
}

/** Returns pieces that, joined, are the trace. Spans are in order and do not overlap. Parts outside the text are cut off. */
export function piecesOf({ trace, spans, scores }: PageTrace, withScores: boolean): TracePiece[] {
  const edges = new Set([0, trace.length]);
  for (const { start, end } of spans) edges.add(start).add(end);
  const offsets = withScores ? (scores?.offsets ?? []) : [];
  for (const offset of offsets) edges.add(offset);
  const cuts = [...edges]
    .filter((edge) => edge >= 0 && edge <= trace.length)
    .sort((left, right) => left - right);
  const pieces: TracePiece[] = [];
  let span = 0;
  let word = -1;
  for (const [index, start] of cuts.entries()) {
    const end = cuts[index + 1] ?? start;
    if (end === start) continue;
    while (span < spans.length && (spans[span]?.end ?? 0) <= start) span += 1;
    while (word + 1 < offsets.length && (offsets[word + 1] ?? 0) <= start) word += 1;
    const inside = (spans[span]?.start ?? trace.length) <= start;
    const score = word < 0 ? undefined : scores?.gap[word];
    pieces.push({
      start,
      text: trace.slice(start, end),
      ...(inside ? { span } : {}),
      ...(score === undefined ? {} : { score }),
    });
  }
  return pieces;
}

/** Level of a word score: half a nat each, from 0 (nothing lost) to 8 (four nats and more). */
export const heatLevel = (score: number): number => Math.max(0, Math.min(8, Math.round(score * 2)));

/** The largest word score in each of `bins` equal stretches of the trace; undefined if no word begins there. */
export function heatLine({ trace, scores }: PageTrace, bins: number): (number | undefined)[] {
  const line: (number | undefined)[] = Array.from({ length: bins });
  for (const [index, offset] of (scores?.offsets ?? []).entries()) {
    const bin = Math.min(bins - 1, Math.floor((offset / Math.max(1, trace.length)) * bins));
    const score = scores?.gap[index] ?? 0;
    line[bin] = Math.max(line[bin] ?? Number.NEGATIVE_INFINITY, score);
  }
  return line;
}
