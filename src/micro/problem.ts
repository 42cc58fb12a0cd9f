/**
 * Problems of the micro domain: an AIME in miniature. A start value and 3 to 5 steps modulo 1000; the answer is a whole number
 * from 0 to 999, written with three digits as AIME answers are. One step is hard to do in one go, the product of two two-digit
 * numbers; the others are easy.
 */
import { createRng, hash32, type Rng } from "../core/rng.ts";

type Operation = "add" | "subtract" | "multiply";

export interface Step {
  readonly operation: Operation;
  /** Two digits, the last one not 0. `multiply` takes the last two digits of the value times this. */
  readonly operand: number;
}

export interface Problem {
  /** Says split, seed and index, e.g. `test-7-12`. */
  readonly id: string;
  readonly start: number;
  readonly steps: readonly Step[];
  readonly answer: number;
}

export type Split = "train" | "validation" | "test";

const MODULUS = 1000;

/** Added to a seed, it gives problems of the training split that pre-training with that seed does not see. */
export const UNSEEN_SEED = 1_000_003;

/** Key of a problem. Two problems with the same key are the same, however they are worded. */
export function problemKey(problem: Pick<Problem, "start" | "steps">): string {
  return [problem.start, ...problem.steps.map((step) => `${step.operation}${step.operand}`)].join(" ");
}

/**
 * Split of a problem: 90% train, 5% validation, 5% test. It depends only on the problem, so no seed brings a problem of one
 * split into another.
 */
export function splitOf(problem: Pick<Problem, "start" | "steps">): Split {
  const bucket = hash32(problemKey(problem)) % 100;
  if (bucket < 5) return "test";
  return bucket < 10 ? "validation" : "train";
}

/** One step's value: never negative and never above 999 for the steps that the generator draws. */
export function applyStep(value: number, step: Step): number {
  switch (step.operation) {
    case "add":
      return (value + step.operand) % MODULUS;
    case "subtract":
      return (value - step.operand + MODULUS) % MODULUS;
    case "multiply":
      return ((value % 100) * step.operand) % MODULUS;
  }
  return step.operation satisfies never;
}

/** The problem number `index` of a split: a pure function of its arguments. */
export function generateProblem(split: Split, seed: number, index: number): Problem {
  const rng = createRng(seed).fork(`micro problem ${split} ${index}`);
  for (;;) {
    const drawn = drawProblem(rng);
    if (drawn !== undefined && splitOf(drawn) === split) return { id: `${split}-${seed}-${index}`, ...drawn };
  }
}

/** Draws until at least one step is a product, as every AIME problem has something hard. */
function drawProblem(rng: Rng): Omit<Problem, "id"> | undefined {
  const start = rng.integer(100, 999);
  const steps: Step[] = [];
  const count = rng.integer(3, 5);
  let value = start;
  while (steps.length < count) {
    const step: Step = { operation: drawOperation(rng, value), operand: drawOperand(rng) };
    steps.push(step);
    value = applyStep(value, step);
  }
  const products = steps.filter((step) => step.operation === "multiply").length;
  return products >= 1 && products <= 3 ? { start, steps, answer: value } : undefined;
}

/** Sums stay below 1000, differences above 0 and factors above 10, so that each kind of step has one form. */
function drawOperation(rng: Rng, value: number): Operation {
  if (value % 100 > 10 && rng.next() < 0.4) return "multiply";
  if (value < 100) return "add";
  if (value > 900) return "subtract";
  return rng.next() < 0.5 ? "add" : "subtract";
}

export function drawOperand(rng: Rng): number {
  return rng.integer(1, 9) * 10 + rng.integer(1, 9);
}
