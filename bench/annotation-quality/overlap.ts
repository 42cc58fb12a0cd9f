/** How far two annotations of the same traces agree, in tokens. */
import { controlPiece } from "../../src/core/piece.ts";
import type { TraceRow } from "../../src/formats/trace-row.ts";
import { microTokenizer } from "../../src/recipes/micro/corpus.ts";

export interface Overlap {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Share of all tokens of the chains of thought. */
  readonly share: number;
  readonly trueShare: number;
  /** True spans of which any token is marked. */
  readonly touched: number;
}

type Spans = readonly { readonly start: number; readonly end: number }[];

/** A token belongs to a span when at least half of it lies in one. Rows in the same order; micro text is ASCII. */
export function overlapOf(truth: readonly TraceRow[], marked: readonly TraceRow[]): Overlap {
  const tokenizer = microTokenizer();
  let [both, inTruth, inMarked, all, spans, touched] = [0, 0, 0, 0, 0, 0];
  truth.forEach((row, index) => {
    const thought = row.trace.slice(0, row.trace.indexOf("</think>"));
    const wanted = row.spans ?? [];
    const given = marked[index]?.spans ?? [];
    let offset = 0;
    for (const id of tokenizer.encode([controlPiece(thought)])) {
      const start = offset;
      offset += tokenizer.bytes(id).length;
      const [isTrue, isMarked] = [covers(wanted, start, offset), covers(given, start, offset)];
      all++;
      if (isTrue) inTruth++;
      if (isMarked) inMarked++;
      if (isTrue && isMarked) both++;
    }
    spans += wanted.length;
    touched += wanted.filter((span) =>
      given.some(({ start, end }) => start < span.end && end > span.start),
    ).length;
  });
  const [precision, recall] = [both / inMarked, both / inTruth];
  return {
    precision,
    recall,
    f1: (2 * precision * recall) / (precision + recall),
    share: inMarked / all,
    trueShare: inTruth / all,
    touched: touched / spans,
  };
}

const covers = (spans: Spans, start: number, end: number): boolean =>
  spans.some((span) => 2 * (Math.min(span.end, end) - Math.max(span.start, start)) >= end - start);
