/** A worded problem with its trace. Training, annotation and evaluation use these examples. */
import { createRng } from "../core/rng.ts";
import { generateProblem, type Problem, type Split } from "./problem.ts";
import { type Trace, writeTrace } from "./trace.ts";
import { drawNumbering, problemText } from "./wording.ts";

export interface MicroExample {
  readonly problem: Problem;
  /** The problem in words: the user's turn. */
  readonly text: string;
  /** The assistant's turn after `<think>\n`, ending with the boxed answer. */
  readonly trace: Trace;
}

/** Example number `index` of a split: a pure function of its arguments. */
export function microExample(split: Split, seed: number, index: number): MicroExample {
  const problem = generateProblem(split, seed, index);
  const rng = createRng(seed).fork(`micro wording ${split} ${index}`);
  const numbering = drawNumbering(rng);
  const text = problemText(problem, numbering, rng);
  return { problem, text, trace: writeTrace(problem, numbering, rng) };
}
