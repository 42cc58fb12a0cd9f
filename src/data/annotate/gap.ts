/**
 * Annotation by likelihood gap: a span is hard where the small model is surprised and the large one is not. The two models of
 * the pair score the trace by teacher forcing, without any strong annotator. (Paper 3.2 instead asks a strong model for the
 * hardest fifth.)
 */
import type { Span } from "../../formats/trace-row.ts";
import type { ScoredToken } from "./scores.ts";
import { ThresholdSearch } from "./threshold.ts";

/** A whitespace-delimited word with the white space before it: spans are made of whole words. */
export interface GapWord {
  readonly start: number;
  readonly end: number;
  /** Nats that the small model loses to the large one on this word: log P_big - log P_small. */
  readonly gap: number;
  /** Tokens of the small model in the word; a token that straddles words counts in part. */
  readonly tokens: number;
}

export interface GapOptions {
  /** Wanted share of the traces' tokens in spans, 0 to 1. */
  readonly share: number;
  /** A word below this many nats is never hard, even if the share is then not reached. */
  readonly minimumGap: number;
  /** Words on each side with which a word's gap is averaged; 0 averages nothing. */
  readonly smoothing: number;
  /** Spans at most this many characters apart become one (Paper 3.3: 10). */
  readonly mergeDistance: number;
}

export const GAP_DEFAULTS: GapOptions = { share: 0.05, minimumGap: 0.5, smoothing: 0, mergeDistance: 0 };

/**
 * The gap of each word of `trace`. The two models may split the text differently: a token's log-probability is spread evenly
 * over its characters and summed over each word.
 */
export function gapWords(
  trace: string,
  small: readonly ScoredToken[],
  big: readonly ScoredToken[],
): GapWord[] {
  const smallByUnit = perUnit(trace.length, small, (token) => token.logprob);
  const bigByUnit = perUnit(trace.length, big, (token) => token.logprob);
  const tokensByUnit = perUnit(trace.length, small, () => 1);
  return wordsOf(trace).map(({ start, end }) => {
    let gap = 0;
    let tokens = 0;
    for (let unit = start; unit < end; unit++) {
      gap += (bigByUnit[unit] ?? 0) - (smallByUnit[unit] ?? 0);
      tokens += tokensByUnit[unit] ?? 0;
    }
    return { start, end, gap, tokens };
  });
}

/** Words with the white space before them. White space after the last word belongs to none. */
export const wordsOf = (trace: string): { readonly start: number; readonly end: number }[] =>
  Array.from(trace.matchAll(/\s*\S+/g), ({ index, 0: { length } }) => ({
    start: index,
    end: index + length,
  }));

function perUnit(
  length: number,
  tokens: readonly ScoredToken[],
  value: (token: ScoredToken) => number,
): Float64Array {
  const units = new Float64Array(length);
  for (const token of tokens) {
    const width = token.end - token.start;
    // A token inside a code point adds no text; it counts for the unit that the next token completes.
    if (width === 0) {
      if (token.start < length) units[token.start] = (units[token.start] ?? 0) + value(token);
      continue;
    }
    for (let unit = token.start; unit < token.end; unit++) {
      units[unit] = (units[unit] ?? 0) + value(token) / width;
    }
  }
  return units;
}

/** Each word's gap, averaged with its neighbours, so that one lucky word does not split a hard stretch. */
export function smoothGaps(words: readonly GapWord[], halfWidth: number): number[] {
  return words.map((_, index) => {
    const near = words.slice(Math.max(0, index - halfWidth), index + halfWidth + 1);
    return near.reduce((sum, word) => sum + word.gap, 0) / near.length;
  });
}

/** Chooses the threshold for the whole corpus, then the spans of each trace. */
export function hardSpans(
  traces: readonly (readonly GapWord[])[],
  options: GapOptions,
): { readonly spans: Span[][]; readonly threshold: number; readonly share: number } {
  const smoothed = traces.map((words) => smoothGaps(words, options.smoothing));
  const search = new ThresholdSearch({ share: options.share, minimum: options.minimumGap });
  do {
    traces.forEach((words, trace) => {
      words.forEach((word, index) => search.add(smoothed[trace]?.[index] ?? 0, word.tokens));
    });
  } while (search.endPass());
  const { threshold, share } = search.result;
  const spans = traces.map((words, trace) =>
    spansAbove(words, smoothed[trace] ?? [], threshold, options.mergeDistance),
  );
  return { spans, threshold, share };
}

/** Spans of the words whose smoothed gap reaches the threshold. */
export function spansAbove(
  words: readonly GapWord[],
  gaps: readonly number[],
  threshold: number,
  mergeDistance: number,
): Span[] {
  const spans: Span[] = [];
  words.forEach((word, index) => {
    if ((gaps[index] ?? 0) < threshold) return;
    const last = spans.at(-1);
    if (last !== undefined && word.start - last.end <= mergeDistance) {
      spans[spans.length - 1] = { start: last.start, end: word.end, score: (last.score ?? 0) + word.gap };
    } else {
      spans.push({ start: word.start, end: word.end, score: word.gap });
    }
  });
  return spans;
}
