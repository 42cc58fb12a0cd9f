/** The Task contract: problems with known answers, how to ask them, and how to judge an answer. `index.ts` is the table of tasks. */
import type { TagPair } from "../../tags/index.ts";
import type { ChatMessage } from "../../tokenizer/chat-template.ts";

export interface TaskProblem {
  /** Unique within the task; names the problem in results and seeds its samples. */
  readonly id: string;
  readonly problem: string;
  readonly gold: string;
}

export interface Grade {
  /** The answer that the text gives, or null without one. */
  readonly answer: string | null;
  readonly correct: boolean;
}

export interface Task {
  readonly name: string;
  /** Changes when problems, prompts or grading change: results of different versions are not comparable. */
  readonly version: string;
  /** Limit on generated tokens that leaves ample room for a whole solution. */
  readonly maxTokens: number;
  /** Number of problems; absent if they are unlimited. */
  readonly size?: number;
  /**
   * The first `count` problems for a seed, in a fixed order: fewer problems are a prefix of more.
   * @throws ConfigError when the task has fewer.
   */
  problems(count: number, seed: number): Promise<readonly TaskProblem[]>;
  messages(problem: TaskProblem): readonly ChatMessage[];
  /** Messages for the small model where it may hand over: with the hint about its tags, which the big model never sees. */
  readonly hintedMessages?: (problem: TaskProblem, tags: TagPair) => readonly ChatMessage[];
  /** Never throws: text without an answer is wrong. */
  grade(text: string, problem: TaskProblem): Grade;
}
