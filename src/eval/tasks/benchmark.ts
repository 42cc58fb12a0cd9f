/** A task of a fixed set of problems. Its version holds a digest of them: results on other data do not pass as the same. */
import { ConfigError } from "../../core/errors.ts";
import { digestOf } from "../../core/digest.ts";
import { createRng } from "../../core/rng.ts";
import type { Grade, Task, TaskProblem } from "../task.ts";
import type { HubDataset } from "./rows.ts";

/** What a benchmark is, apart from its problems. */
export interface Benchmark {
  readonly name: string;
  /** Of prompt and grading. */
  readonly version: string;
  readonly description: string;
  readonly maxTokens: number;
  /** Where it lies on the hub; a task without one reads files only. */
  readonly hub?: HubDataset;
  /** Makes the problem as it is asked, e.g. with its choices in another order. */
  readonly prepare?: (problem: TaskProblem, seed: number) => TaskProblem;
  /** What is asked, in the user's turn. */
  readonly prompt: (problem: TaskProblem) => string;
  readonly grade: (text: string, problem: TaskProblem) => Grade;
  /** The small model knows by itself when to ask: nothing is put behind its prompt. */
  readonly withoutHint?: true;
}

/** "Put your final answer within \boxed{}." (Paper, prompt of the evaluation). */
export const BOXED_LINE = "Put your final answer within \\boxed{}.";

/** The paper's hint, for the small model where it may hand over. */
const HINT_LINE =
  "You always use <bigmodel>...</bigmodel> to mark parts of the reasoning process that are important.";

export function benchmarkTask(benchmark: Benchmark, rows: readonly TaskProblem[]): Task {
  const { name, description, maxTokens, prompt, grade, prepare } = benchmark;
  return {
    name,
    version: `${benchmark.version}+${digestOf(rows)}`,
    description,
    maxTokens,
    size: rows.length,
    problems: async (count, seed) => {
      if (count > rows.length) {
        throw new ConfigError(
          `${name} has ${rows.length} problems, ${count} were asked for; leave --problems out for all.`,
          {
            code: "usage",
          },
        );
      }
      // A part of a benchmark that is ordered by subject or difficulty would not stand for it.
      const order = createRng(seed)
        .fork(name)
        .shuffle([...rows])
        .slice(0, count);
      return prepare === undefined ? order : order.map((problem) => prepare(problem, seed));
    },
    messages: (problem) => [{ role: "user", content: prompt(problem) }],
    ...(benchmark.withoutHint === true
      ? {}
      : {
          hintedMessages: (problem: TaskProblem) => [
            { role: "user" as const, content: `${prompt(problem)} ${HINT_LINE}` },
          ],
        }),
    grade,
  };
}
