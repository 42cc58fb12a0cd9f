/** Counts the tokens of a trace row and its spans. */
import type { Span, TraceRow } from "../../formats/trace-row.ts";
import { chainOfThought } from "../../tags/chain-of-thought.ts";
import type { CountedTrace } from "./group.ts";
import { startsBefore, type TokenStarts } from "./tokens.ts";

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
