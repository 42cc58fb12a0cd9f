/**
 * Traces in the manner of DeepSeek-R1, made from worked solutions by templates: no package by name has real ones. Sentences, formulas
 * in LaTeX, doubts and checks; what a sentence or formula is, and where, is known from the making.
 */
import type { Rng } from "../../../src/core/rng.ts";
import type { TraceRow } from "../../../src/formats/trace-row.ts";
import { type WorkedProblem, workedProblems } from "./worked-problems.ts";

interface TracePart {
  readonly start: number;
  readonly end: number;
  readonly kind: "sentence" | "formula";
  /** Whether it says something of the problem, rather than what could stand in any trace. */
  readonly isOwn: boolean;
}

export interface VoicedTrace {
  readonly row: TraceRow;
  /** In order. */
  readonly parts: readonly TracePart[];
}

/** `count` traces, each of at least `characters`. */
export function voicedTraces(count: number, rng: Rng, characters = 1200): VoicedTrace[] {
  const problems = workedProblems(count, rng);
  return problems.map((problem, index) => voice([problem, ...problems.slice(index + 1)], rng, characters));
}

/** One trace on the first problem; where it is too short, it goes on with the others, as a long think does. */
export function voice(problems: readonly WorkedProblem[], rng: Rng, characters: number): VoicedTrace {
  const [first] = problems;
  if (first === undefined) throw new Error("a trace needs a problem");
  const writer = new Writer();
  for (const [index, problem] of problems.entries()) {
    if (index > 0 && writer.length >= characters) break;
    think(writer, problem, index, rng);
  }
  writer.paragraph().say(`So the answer comes out as ${first.answer}.`);
  const { text, parts } = writer.finish();
  return {
    row: {
      id: first.id,
      problem: first.problem,
      trace: `${text}\n</think>\n\nThe final answer is \\boxed{${first.answer}}.`,
      answer: first.answer,
      source: "re-voiced",
    },
    parts,
  };
}

function think(writer: Writer, { problem, solution }: WorkedProblem, index: number, rng: Rng): void {
  const [opening = problem] = /^.*?[.?!](?=\s|$)/su.exec(problem) ?? [];
  writer.say(rng.pick(index === 0 ? OPENINGS : CHANGES), false).say(`The problem says: ${opening.trim()}`);
  if (rng.next() < 0.6) writer.say(rng.pick(PLANS), false);
  const steps = solution.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("####"));
  steps.forEach((step, number) => {
    writer.paragraph();
    if (rng.next() < 0.7) writer.say(rng.pick(number === 0 ? FIRSTS : NEXTS), false);
    const calculations = [...step.matchAll(/<<([^<>=]+)=([^<>]+)>>/gu)];
    const plain = step
      .replaceAll(/<<[^<>]*>>/gu, "")
      .replaceAll(/\s+/gu, " ")
      .trim();
    writer.say(/[.!?]$/u.test(plain) ? plain : `${plain}.`);
    for (const [, left = "", right = ""] of calculations) {
      const formula = `${latex(left, rng)} = ${grouped(right)}`;
      const style = rng.next();
      if (style < 0.35) writer.say(`${rng.pick(IN_LINE)} \\(${formula}\\).`);
      else if (style < 0.6) writer.display(`\\[ ${formula} \\]`);
      else if (style < 0.7) writer.display(`$$${formula}$$`);
      else if (style < 0.85) writer.say(`Let me double-check this: ${spoken(left)} gives ${right}, yes.`);
    }
    if (rng.next() < 0.3) writer.say(rng.pick(DOUBTS), false);
  });
  writer.paragraph();
  if (rng.next() < 0.5) writer.say(rng.pick(CHECKS), false);
}

class Writer {
  #text = "";
  readonly #parts: TracePart[] = [];

  get length(): number {
    return this.#text.length;
  }

  say(text: string, isOwn = true): this {
    return this.#add(text, "sentence", isOwn, this.#text === "" || this.#text.endsWith("\n") ? "" : " ");
  }

  display(text: string): this {
    this.#add(text, "formula", true, this.#text.endsWith("\n") ? "" : "\n");
    this.#text += "\n";
    return this;
  }

  paragraph(): this {
    this.#text = this.#text === "" ? "" : `${this.#text.trimEnd()}\n\n`;
    return this;
  }

  finish(): { readonly text: string; readonly parts: readonly TracePart[] } {
    return { text: this.#text.trimEnd(), parts: this.#parts };
  }

  #add(text: string, kind: TracePart["kind"], isOwn: boolean, gap: string): this {
    this.#text += gap;
    this.#parts.push({ start: this.#text.length, end: this.#text.length + text.length, kind, isOwn });
    this.#text += text;
    return this;
  }
}

function latex(expression: string, rng: Rng): string {
  const times = rng.pick(["\\cdot", "\\times"]);
  const fraction = /^([\d.]+)\/([\d.]+)$/u.exec(expression);
  if (fraction !== null) return `\\frac{${fraction[1]}}{${fraction[2]}}`;
  return expression
    .replaceAll("*", ` ${times} `)
    .replaceAll(/(?<=[\d)])([+-])/gu, " $1 ")
    .replaceAll("/", " \\div ")
    .replaceAll("%", "\\%")
    .replaceAll(/\s+/gu, " ")
    .trim();
}

const spoken = (expression: string): string =>
  expression
    .replaceAll("*", " times ")
    .replaceAll("/", " divided by ")
    .replaceAll(/(?<=[\d)])\+/gu, " plus ")
    .replaceAll(/(?<=[\d)])-/gu, " minus ")
    .replaceAll(/\s+/gu, " ")
    .trim();

const grouped = (number: string): string =>
  /^\d{5,}$/u.test(number) ? Number(number).toLocaleString("en-US") : number;

const OPENINGS = [
  "Okay, so I need to figure this one out.",
  "Alright, let me read this carefully.",
  "Hmm, let me start by understanding the question.",
];
const CHANGES = [
  "Hmm, this reminds me of a problem that I have seen before.",
  "By the way, let me try the method on another example to be sure.",
];
const PLANS = [
  "Let me break it down step by step.",
  "I should go through the numbers one at a time.",
  "First I should list what is given.",
];
const FIRSTS = [
  "Let me start with the first part.",
  "First things first.",
  "To begin with, I take the numbers from the text.",
];
const NEXTS = [
  "Alright, next step.",
  "Now, moving on.",
  "Okay, what comes next?",
  "Then I can go on from there.",
];
const IN_LINE = ["In symbols that is", "So the calculation reads", "Written out, this is", "That means"];
const DOUBTS = [
  "Wait, is that right?",
  "Hold on, let me make sure that I did not mix anything up.",
  "Hmm, that seems to be okay.",
];
const CHECKS = [
  "Let me go over that once more.",
  "That looks consistent with what the problem asks.",
  "I think that is everything the question wants.",
];
