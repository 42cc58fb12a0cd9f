/**
 * The order in which samples run. Arms alternate problem by problem, so that all of them meet the machine in the same state. A matched arm is
 * one block of problems later than the others, because its share follows from what its target did in that block.
 */
import type { Arm } from "../arms/arms.ts";
import type { TaskProblem } from "../tasks/task.ts";

export interface Job {
  readonly arm: Arm;
  readonly problem: TaskProblem;
  readonly sample: number;
}

/** Jobs that may run at the same time, in the order in which they start. */
export interface Phase {
  readonly jobs: readonly Job[];
  /** The jobs of matched arms among `jobs`: samples of each such arm, and the problems that they cover. */
  readonly matched?: { readonly samples: number; readonly problems: readonly TaskProblem[] };
}

/** At least this many samples of an arm in one block: fewer would leave the share too much to chance. */
const MIN_BLOCK_SAMPLES = 8;
const BLOCKS = 20;

/** Schedules every (problem, sample, arm) exactly once. */
export function schedule(
  arms: readonly Arm[],
  problems: readonly TaskProblem[],
  samples: number,
): readonly Phase[] {
  const matchedArms = arms.filter((arm) => arm.policy.kind === "random-matched");
  const freeArms = arms.filter((arm) => arm.policy.kind !== "random-matched");
  const blocks = splitBlocks(problems, samples);
  const jobs = (block: readonly TaskProblem[], chosen: readonly Arm[]): Job[] =>
    block.flatMap((problem) =>
      Array.from({ length: samples }, (_, sample) => chosen.map((arm) => ({ arm, problem, sample }))).flat(),
    );
  const phases = blocks.map((block, index): Phase => {
    const earlier = blocks[index - 1] ?? [];
    return phase(jobs(block, freeArms), jobs(earlier, matchedArms), earlier, samples);
  });
  const last = blocks.at(-1) ?? [];
  if (matchedArms.length > 0) phases.push(phase([], jobs(last, matchedArms), last, samples));
  return phases;
}

function phase(free: Job[], matched: Job[], problems: readonly TaskProblem[], samples: number): Phase {
  if (matched.length === 0) return { jobs: free };
  return { jobs: interleave(free, matched), matched: { samples: problems.length * samples, problems } };
}

function splitBlocks(problems: readonly TaskProblem[], samples: number): readonly TaskProblem[][] {
  const size = Math.max(Math.ceil(problems.length / BLOCKS), Math.ceil(MIN_BLOCK_SAMPLES / samples), 1);
  const blocks: TaskProblem[][] = [];
  for (let start = 0; start < problems.length; start += size)
    blocks.push(problems.slice(start, start + size));
  return blocks;
}

/** Spreads the shorter list evenly over the longer one; both keep their order. */
function interleave<T>(first: readonly T[], second: readonly T[]): T[] {
  const at = (list: readonly T[]) =>
    list.map((item, index) => ({ item, place: (index + 0.5) / list.length }));
  return [...at(first), ...at(second)].sort((a, b) => a.place - b.place).map(({ item }) => item);
}
