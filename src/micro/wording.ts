/** How problems and traces are worded. A wording is drawn once a problem, phrases within it once a step. */
import type { Rng } from "../core/rng.ts";
import { type Problem, type Step } from "./problem.ts";

/** How the steps are numbered, in the problem and again in its trace. */
export type Numbering = "ordinal" | "step" | "bracket";

const ORDINALS = ["First", "Second", "Third", "Fourth", "Fifth"] as const;

export const threeDigits = (value: number): string => String(value).padStart(3, "0");
export const twoDigits = (value: number): string => String(value).padStart(2, "0");

export function drawNumbering(rng: Rng): Numbering {
  return rng.pick(["ordinal", "step", "bracket"] as const);
}

/** The name of step `index` (from 0), to be followed by a space. */
export function stepName(numbering: Numbering, index: number): string {
  switch (numbering) {
    case "ordinal":
      return `${ORDINALS[index] ?? index + 1},`;
    case "step":
      return `Step ${index + 1}:`;
    case "bracket":
      return `(${index + 1})`;
  }
  return numbering satisfies never;
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
