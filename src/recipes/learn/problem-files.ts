/** Splits the problems of a task into those that a pair learns from, and those that it is judged by. */
import { join } from "node:path";

import { ConfigError } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { createRng } from "../../core/rng.ts";
import { parseTaskSpec } from "../../eval/tasks/open.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import type { TaskProblem } from "../../eval/tasks/task.ts";
import { openTrainingTask } from "../rollouts/index.ts";

/** Task specs. Both may be the same for a task that makes its problems: their splits differ. */
export interface LearningProblems {
  readonly training: string;
  readonly heldOut: string;
  /** How many there are to learn from; undefined for a task without end. */
  readonly size?: number;
}

/** Seed of the split. It is the same for all runs, so that they are judged on the same problems. */
const SPLIT_SEED = 0;

/**
 * Writes `train.jsonl` and `held-out.jsonl` into a folder, the same for the same problems.
 * @throws ConfigError on a task with choices or too few problems; what `openTrainingTask` throws.
 */
export async function splitProblems(
  spec: string,
  heldOut: number,
  folder: string,
  options: { readonly signal: AbortSignal; readonly fetchRows?: FetchRows },
): Promise<LearningProblems> {
  const { task: description } = parseTaskSpec(spec);
  const task = await openTrainingTask(spec, options);
  if (task.size === undefined) return { training: spec, heldOut: spec };
  const refuse = (what: string): ConfigError => new ConfigError(`task ${spec}: ${what}`, { code: "usage" });
  if (description.prepare !== undefined)
    throw refuse("its problems change with the seed (choices), and cannot be split into files.");
  if (task.size < 2 * heldOut) {
    throw refuse(
      `it has ${task.size} problems, too few to keep ${heldOut} apart; give more, or a smaller heldOut.`,
    );
  }
  const order = createRng(SPLIT_SEED).shuffle([...(await task.problems(task.size, SPLIT_SEED))]);
  const write = async (name: string, problems: readonly TaskProblem[]): Promise<string> => {
    const path = join(folder, name);
    const lines = problems.map(({ id, problem, gold }) => JSON.stringify({ id, problem, answer: gold }));
    await writeFileAtomic(path, `${lines.join("\n")}\n`);
    return spec.endsWith(".jsonl") && !spec.startsWith(`${description.name}:`)
      ? path
      : `${description.name}:${path}`;
  };
  return {
    training: await write("train.jsonl", order.slice(heldOut)),
    heldOut: await write("held-out.jsonl", order.slice(0, heldOut)),
    size: task.size - heldOut,
  };
}
