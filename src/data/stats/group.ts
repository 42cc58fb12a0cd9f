/** Counts one group of traces. */
import { Distribution, LENGTH_EDGES } from "../../core/distribution.ts";
import type { Span, TraceRow } from "../../formats/trace-row.ts";
import { chainOfThought } from "../../tags/chain-of-thought.ts";
import type { GroupStatistics } from "./document.ts";
import { startsBefore, type TokenStarts } from "./tokens.ts";

const POSITION_BINS = 20;

const SHARE_EDGES = Array.from({ length: 41 }, (_, bin) => bin / 40);
const COUNT_EDGES = Array.from({ length: 42 }, (_, bin) => bin);
const TRACE_EDGES = [0, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/** The counts of one trace. Tokens are numbered within the chain of thought. */
export interface CountedTrace {
  readonly tokens: number;
  /** First token and end (exclusive) of each span. */
  readonly spans: readonly { readonly first: number; readonly end: number }[];
}

export class Group {
  readonly #share = new Distribution();
  readonly #spansPerTrace = new Distribution();
  readonly #spanLength = new Distribution();
  readonly #traceTokens = new Distribution();
  readonly #positionTokens = new Float64Array(POSITION_BINS);
  readonly #positionSpanTokens = new Float64Array(POSITION_BINS);
  #rowsWithSpans = 0;
  #tokens = 0;
  #spanTokens = 0;

  add({ tokens, spans }: CountedTrace): void {
    let inSpans = 0;
    for (const { first, end } of spans) {
      this.#spanLength.add(end - first);
      inSpans += end - first;
      this.#addPlace(this.#positionSpanTokens, first, end, tokens);
    }
    this.#addPlace(this.#positionTokens, 0, tokens, tokens);
    this.#tokens += tokens;
    this.#spanTokens += inSpans;
    if (spans.length > 0) this.#rowsWithSpans += 1;
    this.#share.add(tokens === 0 ? 0 : inSpans / tokens);
    this.#spansPerTrace.add(spans.length);
    this.#traceTokens.add(tokens);
  }

  /** Counts tokens by position; token k of n lies at (k + .5) / n. */
  #addPlace(bins: Float64Array, first: number, end: number, tokens: number): void {
    for (let bin = 0; bin < POSITION_BINS; bin++) {
      const from = Math.ceil((bin * tokens) / POSITION_BINS - 0.5);
      const to = Math.ceil(((bin + 1) * tokens) / POSITION_BINS - 0.5);
      const within = Math.min(end, to) - Math.max(first, from);
      if (within > 0) bins[bin] = (bins[bin] ?? 0) + within;
    }
  }

  finish(): GroupStatistics {
    const withHistogram = (values: Distribution, edges: readonly number[]) => ({
      ...values.summary(),
      histogram: values.histogram(edges),
    });
    return {
      rows: this.#share.count,
      rowsWithSpans: this.#rowsWithSpans,
      spans: this.#spanLength.count,
      tokens: this.#tokens,
      spanTokens: this.#spanTokens,
      share: withHistogram(this.#share, SHARE_EDGES),
      spansPerTrace: withHistogram(this.#spansPerTrace, COUNT_EDGES),
      spanLength: withHistogram(this.#spanLength, LENGTH_EDGES),
      traceTokens: withHistogram(this.#traceTokens, TRACE_EDGES),
      position: Array.from(this.#positionTokens, (all, bin) =>
        all === 0 ? 0 : (this.#positionSpanTokens[bin] ?? 0) / all,
      ),
    };
  }
}

/** Whether the spans are in order, apart, not empty and within the text. */
export function spansFit(spans: readonly Span[], length: number): boolean {
  let done = 0;
  for (const { start, end } of spans) {
    if (start < done || end <= start || end > length) return false;
    done = end;
  }
  return true;
}

/** Counts tokens. A token belongs to the span in which it begins. Text after the chain of thought does not count. */
export function countTrace({ trace, spans = [] }: TraceRow, tokenStarts: TokenStarts): CountedTrace {
  const starts = tokenStarts(chainOfThought(trace));
  return {
    tokens: starts.length,
    spans: spans.flatMap(({ start, end }) => {
      const first = startsBefore(starts, start);
      const last = startsBefore(starts, end);
      return last > first ? [{ first, end: last }] : [];
    }),
  };
}
