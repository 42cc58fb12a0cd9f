/** The micro domain's test split as a task. Its prompt is the bare problem, as in training. */
import { isCorrectAnswer, microExample, parseAnswer } from "../../micro/index.ts";
import type { Grade, Task, TaskProblem } from "../task.ts";
import type { Benchmark } from "./benchmark.ts";

const MAX_TOKENS = 512;

function gradeMicro(text: string, { gold }: TaskProblem): Grade {
  const answer = parseAnswer(text);
  return { answer, correct: isCorrectAnswer(answer, Number(gold)) };
}

export const microTask: Task = {
  name: "micro",
  version: "1",
  description:
    "three to five steps of arithmetic modulo 1000, in words; problems of the test split, unlimited",
  maxTokens: MAX_TOKENS,
  problems: async (count, seed) =>
    Array.from({ length: count }, (_, index) => {
      const { problem, text } = microExample("test", seed, index);
      return { id: problem.id, problem: text, gold: String(problem.answer) };
    }),
  messages: ({ problem }) => [{ role: "user", content: problem }],
  grade: gradeMicro,
};

/** `micro:FILE`: problems of the domain from a file, asked and judged as its own. */
export const microFile: Benchmark = {
  name: "micro",
  version: "1",
  description: "problems of the micro domain from a file",
  maxTokens: MAX_TOKENS,
  prompt: ({ problem }) => problem,
  grade: gradeMicro,
  withoutHint: true,
};
