/** Problems of the micro domain for rollouts: unlimited, and never those of an evaluation. */
import { microExample, isCorrectAnswer, parseAnswer, type Split } from "../../micro/index.ts";
import type { Pair } from "../../decode/pair/pair.ts";
import type { RolloutProblem } from "../../train/grpo/rollout.ts";

export interface ProblemSource {
  /** `count` problems of a step, new ones each time. */
  training(step: number, count: number): RolloutProblem[];
  heldOut(count: number): RolloutProblem[];
}

/** What prompts have opened already: the small model's output goes on behind it. */
export const OPENING = "<think>\n";

/** From its training split and its validation split. */
export function microProblems(pair: Pick<Pair, "render">, seed: number): ProblemSource {
  const problem = (split: Split, index: number): RolloutProblem => {
    const {
      problem: { id, answer },
      text,
    } = microExample(split, seed, index);
    return {
      id,
      prompt: pair.render([{ role: "user", content: text }]),
      opening: OPENING,
      grade: (written) => isCorrectAnswer(parseAnswer(written), answer),
    };
  };
  const range = (start: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => start + index);
  return {
    training: (step, count) => range(step * count, count).map((index) => problem("train", index)),
    heldOut: (count) => range(0, count).map((index) => problem("validation", index)),
  };
}
