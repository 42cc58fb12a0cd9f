/** The parts of an assistant's turn: the chain of thought, which alone can be handed over, and the answer after it. */
import { THINK_TAGS } from "./grammar.ts";

/** The trace up to `</think>`. */
export function chainOfThought(trace: string): string {
  const end = trace.indexOf(THINK_TAGS.close);
  return end < 0 ? trace : trace.slice(0, end);
}

/** Whether a trace closes a chain of thought. Then its prompt has to open one. */
export const closesThought = (trace: string): boolean => trace.includes(THINK_TAGS.close);

/** The text after the `<think>` that opens it and one newline; the text itself when nothing opens it. */
export function afterThinkTag(text: string): string {
  const opened = /^\s*<think>\n?/u.exec(text);
  return opened === null ? text : text.slice(opened[0].length);
}
