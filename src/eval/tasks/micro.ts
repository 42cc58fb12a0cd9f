/** The micro domain's test split as a task. Its prompt is the bare problem, as in training. */
import { isCorrectAnswer, microExample, parseAnswer } from "../../micro/index.ts";
import type { Task } from "../task.ts";

export const microTask: Task = {
  name: "micro",
  version: "1",
  description:
    "three to five steps of arithmetic modulo 1000, in words; problems of the test split, unlimited",
  maxTokens: 512,
  problems: async (count, seed) =>
    Array.from({ length: count }, (_, index) => {
      const { problem, text } = microExample("test", seed, index);
      return { id: problem.id, problem: text, gold: String(problem.answer) };
    }),
  messages: ({ problem }) => [{ role: "user", content: problem }],
  grade: (text, { gold }) => {
    const answer = parseAnswer(text);
    return { answer, correct: isCorrectAnswer(answer, Number(gold)) };
  },
};
