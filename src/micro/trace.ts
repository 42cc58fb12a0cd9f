/**
 * The chain of thought for a problem, as a person would talk it through. Every part knows the skill it takes. Only this file
 * and measurements use that; neither the text nor the training data says which part is hard.
 */
import type { Rng } from "../core/rng.ts";
import { applyStep, type Problem, type Step } from "./problem.ts";
import { type Numbering, stepName, threeDigits, twoDigits } from "./wording.ts";

/** Skill that a part takes. `product` is the hard one. */
export type Skill = "words" | "copy" | "plus" | "minus" | "product" | "keep";

export interface TracePart {
  readonly text: string;
  readonly skill: Skill;
}

/** The text inside `<think>` and after it, without the tags of the chat template. */
export interface Trace {
  readonly parts: readonly TracePart[];
  readonly text: string;
}

export class TraceWriter {
  readonly #parts: TracePart[] = [];

  words(text: string): this {
    return this.#push(text, "words");
  }

  /** A number that must be right, with the space before it. */
  number(digits: string, skill: Exclude<Skill, "words">): this {
    return this.#push(` ${digits}`, skill);
  }

  finish(): Trace {
    return { parts: this.#parts, text: this.#parts.map((part) => part.text).join("") };
  }

  #push(text: string, skill: Skill): this {
    if (text !== "") this.#parts.push({ text, skill });
    return this;
  }
}

/** The whole assistant turn after `<think>\n`: the steps, `</think>`, and the boxed answer. */
export function writeTrace(problem: Problem, numbering: Numbering, rng: Rng): Trace {
  const writer = new TraceWriter();
  writer
    .words(rng.pick(["We start with", "Okay, the number is", "Let me begin at"]))
    .number(threeDigits(problem.start), "copy");
  writer.words(".");
  let value = problem.start;
  problem.steps.forEach((step, index) => {
    writer.words(` ${rng.pick(ASIDES)}${stepName(numbering, index)}`);
    STEP_WRITERS[step.operation](writer, value, step, rng);
    value = applyStep(value, step);
  });
  writer
    .words(rng.pick([" So the result is", " That leaves", " So we end with"]))
    .number(threeDigits(value), "copy")
    .words(".");
  writer.words("\n</think>\nThe answer is \\boxed{");
  return writer.words(`${threeDigits(value)}}.`).finish();
}

/** Remarks before a step; most are empty. */
const ASIDES = ["", "", "", "", "", "", "Good. ", "Okay. ", "Let me see. ", "Now go on. "] as const;

type StepWriter = (writer: TraceWriter, value: number, step: Step, rng: Rng) => void;

const STEP_WRITERS: Readonly<Record<Step["operation"], StepWriter>> = {
  add: (writer, value, { operand }, rng) => {
    writer.words(rng.pick([" add", " we add", " increase by"])).number(String(operand), "copy");
    writer.words(rng.pick([":", ".", ", tens first:"]));
    writeByTens(writer, value, operand, "plus", rng);
  },
  subtract: (writer, value, { operand }, rng) => {
    writer.words(rng.pick([" subtract", " we take away", " decrease by"])).number(String(operand), "copy");
    writer.words(rng.pick([":", ".", ", tens first:"]));
    writeByTens(writer, value, operand, "minus", rng);
  },
  multiply: (writer, value, { operand }, rng) => {
    writer.words(rng.pick([" multiply by", " we multiply by", " scale by"])).number(String(operand), "copy");
    if (rng.next() < 0.3) {
      writer.words(rng.pick([". The last two digits are", ". We take the last two digits,"]));
      writer.number(twoDigits(value % 100), "keep").words(rng.pick([".", ", and", ", so"]));
    } else {
      writer.words(rng.pick([":", ".", ", last two digits only:"]));
    }
    writeProduct(writer, value % 100, operand);
    writeKeep(writer, value % 100, operand, rng);
  },
};

/** ` 347 plus 80 is 427, plus 5 is 432.`, or the same with `minus`: tens first, then ones. */
export function writeByTens(
  writer: TraceWriter,
  value: number,
  operand: number,
  skill: "plus" | "minus",
  rng: Rng,
): void {
  const sign = skill === "plus" ? 1 : -1;
  const ones = operand % 10;
  const middle = value + sign * (operand - ones);
  writer
    .number(threeDigits(value), "copy")
    .words(` ${skill}`)
    .number(String(operand - ones), "copy")
    .words(" is");
  writer.number(threeDigits(middle), skill).words(rng.pick([",", ", then"]));
  writer.words(` ${skill}`).number(String(ones), "copy").words(" is");
  writer.number(threeDigits(middle + sign * ones), skill).words(".");
}

/** ` 32 times 63 is 2016.`: the hard step. */
export function writeProduct(writer: TraceWriter, left: number, right: number): void {
  writer.number(twoDigits(left), "keep").words(" times").number(twoDigits(right), "copy").words(" is");
  writer.number(String(left * right), "product").words(".");
}

/** ` Keep the last three digits, 016.` */
export function writeKeep(writer: TraceWriter, left: number, right: number, rng: Rng): void {
  writer.words(rng.pick([" Keep the last three digits:", " That gives", " Its last three digits are"]));
  writer.number(threeDigits((left * right) % 1000), "keep").words(".");
}

/** The whole number in the last `\boxed{}` of the text, or null. A box may hold at most 12 digits. */
export function parseAnswer(text: string): string | null {
  const boxes = [...text.matchAll(/\\boxed\{\s*(\d{1,12})\s*\}/g)];
  const digits = boxes.at(-1)?.[1];
  return digits === undefined ? null : String(Number(digits));
}

/** Whether an extracted answer is the right one: `016` and `16` are the same number. */
export function isCorrectAnswer(answer: string | null, gold: number): boolean {
  return answer !== null && Number(answer) === gold;
}
