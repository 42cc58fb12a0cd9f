/** A task's problem as both models read it. */
import type { Policy } from "../../decode/index.ts";
import type { PairPrompt } from "../../decode/pair/pair.ts";
import type { ChatMessage } from "../../tokenizer/chat-template.ts";
import type { Task, TaskProblem } from "./task.ts";

/** Where the small model chooses, it reads the task's hint about the tags, if there is one. The big model reads the problem without it. */
export function taskPrompt(
  task: Task,
  problem: TaskProblem,
  render: (messages: readonly ChatMessage[]) => PairPrompt,
  { readsHint }: Pick<Policy, "readsHint">,
): PairPrompt {
  const plain = render(task.messages(problem));
  const hinted = readsHint === true ? task.hintedMessages?.(problem) : undefined;
  if (hinted === undefined) return plain;
  return { prompt: render(hinted).prompt, promptForBig: plain.promptForBig ?? plain.prompt };
}
