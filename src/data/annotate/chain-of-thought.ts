/** What of a trace can be handed over: the thoughts, never the answer behind them. */
import { THINK_TAGS } from "../../tags/grammar.ts";

/** The trace up to `</think>`. */
export function chainOfThought(trace: string): string {
  const end = trace.indexOf(THINK_TAGS.close);
  return end < 0 ? trace : trace.slice(0, end);
}
