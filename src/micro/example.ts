/**
 * A worded problem with its trace, for training, annotation and evaluation; and drills: single facts in the wording of the traces, many to a row.
 * Drills teach arithmetic many times faster per token than whole traces. Only traces teach copying from the problem.
 */
import { createRng, type Rng } from "../core/rng.ts";
import { generateProblem, type Problem, type Split, drawOperand } from "./problem.ts";
import { type Trace, writeTrace, TraceWriter, writeByTens, writeKeep, writeProduct } from "./trace.ts";
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

export type DrillKind = "plus" | "minus" | "product";

/** One fact, e.g. ` 32 times 63 is 2016. Keep the last three digits: 016.` or ` 347 plus 80 is 427, plus 5 is 432.` */
export function writeDrill(kind: DrillKind, rng: Rng): Trace {
  const writer = new TraceWriter();
  switch (kind) {
    case "product": {
      const left = rng.integer(11, 99);
      const right = drawOperand(rng);
      writeProduct(writer, left, right);
      // Some facts continue as traces do, so that the text after a product is also learned.
      if (rng.next() < 0.15) writeKeep(writer, left, right, rng);
      return writer.finish();
    }
    case "plus":
    case "minus": {
      const operand = drawOperand(rng);
      const value = kind === "plus" ? rng.integer(0, 999 - operand) : rng.integer(operand, 999);
      writeByTens(writer, value, operand, kind, rng);
      return writer.finish();
    }
  }
  return kind satisfies never;
}
