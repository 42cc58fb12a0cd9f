/** Makes the prompts of both models for a task's problem. */
import type { Policy } from "../../decode/index.ts";
import { bytesOf } from "../../decode/pair/context-need.ts";
import type { PairPrompt } from "../../decode/pair/pair.ts";
import type { ChatMessage } from "../../tokenizer/chat-template.ts";
import { OFFLOAD_TAGS, type TagPair } from "../../tags/index.ts";
import type { Task, TaskProblem } from "./task.ts";

/** The small model reads the task's hint about the tags if its policy wants it. The big model reads the problem without the hint. */
export function taskPrompt(
  task: Task,
  problem: TaskProblem,
  render: (messages: readonly ChatMessage[]) => PairPrompt,
  { readsHint }: Pick<Policy, "readsHint">,
  tags: TagPair,
): PairPrompt {
  const plain = render(task.messages(problem));
  const hinted = readsHint === true ? task.hintedMessages?.(problem, tags) : undefined;
  if (hinted === undefined) return plain;
  return { prompt: render(hinted).prompt, promptForBig: plain.promptForBig ?? plain.prompt };
}

/** UTF-8 bytes of the longest prompt of these problems, without what a chat template adds. */
export const longestPromptBytes = (task: Task, problems: readonly TaskProblem[]): number =>
  problems.reduce(
    (most, problem) =>
      Math.max(most, bytesOf(task.hintedMessages?.(problem, OFFLOAD_TAGS) ?? task.messages(problem))),
    0,
  );
