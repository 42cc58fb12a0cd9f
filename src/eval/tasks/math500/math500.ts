/** MATH-500: 500 problems of the MATH test set, answers in LaTeX. See README.md. */
import { extractAnswer, gradeMath } from "../../graders/index.ts";
import { type Benchmark, BOXED_LINE } from "../benchmark.ts";

export const math500: Benchmark = {
  name: "math500",
  version: "1",
  description: "MATH-500: 500 competition problems, answers in LaTeX",
  maxTokens: 32_768,
  hub: { repository: "HuggingFaceH4/MATH-500", split: "test" },
  prompt: ({ problem }) => `${problem}\n\n${BOXED_LINE}`,
  grade: (text, { gold }) => {
    const answer = extractAnswer(text);
    return { answer, correct: answer !== null && gradeMath(gold, answer).equivalent };
  },
};
