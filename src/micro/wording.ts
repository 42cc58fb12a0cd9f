/** The wording of problems and traces. A wording is drawn once for each problem, phrases within it once for each step. */
import type { Rng } from "../core/rng.ts";
import { type Problem, type Step } from "./problem.ts";

/** Numbering of the steps, in the problem and in its trace. */
export type Numbering = "ordinal" | "step" | "part";

/**
 * Step names are words and letters, never digits. A model of two layers finds its place by a name that occurs nowhere else;
 * digits occur everywhere.
 */
const NAMES: Readonly<Record<Numbering, readonly string[]>> = {
  ordinal: ["First,", "Second,", "Third,", "Fourth,", "Fifth,"],
  step: ["Step one:", "Step two:", "Step three:", "Step four:", "Step five:"],
  part: ["Part A:", "Part B:", "Part C:", "Part D:", "Part E:"],
};

export const threeDigits = (value: number): string => String(value).padStart(3, "0");
export const twoDigits = (value: number): string => String(value).padStart(2, "0");

export function drawNumbering(rng: Rng): Numbering {
  return rng.pick(["ordinal", "step", "part"] as const);
}

/** The name of step `index` (from 0), to be followed by a space. */
export function stepName(numbering: Numbering, index: number): string {
  const name = NAMES[numbering][index];
  if (name === undefined)
    throw new RangeError(`a problem has at most 5 steps; step ${index + 1} has no name.`);
  return name;
}

export function problemText(
  problem: Pick<Problem, "start" | "steps">,
  numbering: Numbering,
  rng: Rng,
): string {
  const start = threeDigits(problem.start);
  const opening = rng.pick([`Start with ${start}.`, `Take the number ${start}.`, `Begin at ${start}.`]);
  const steps = problem.steps.map(
    (step, index) => `${stepName(numbering, index)} ${instruction(step, rng)}.`,
  );
  const question = rng.pick([
    "What is the result modulo 1000?",
    "Find the final value modulo 1000.",
    "Which number comes out, modulo 1000?",
  ]);
  return [opening, ...steps, question].join(" ");
}

function instruction(step: Step, rng: Rng): string {
  switch (step.operation) {
    case "add":
      return `${rng.pick(["add", "increase by"])} ${step.operand}`;
    case "subtract":
      return `${rng.pick(["subtract", "decrease by"])} ${step.operand}`;
    case "multiply":
      return `${rng.pick(["multiply the last two digits by", "replace by the last two digits times"])} ${step.operand}`;
  }
  return step.operation satisfies never;
}
