/** GPQA-diamond: 198 questions with four choices. See README.md. */
import { DataError } from "../../../core/errors.ts";
import { createRng } from "../../../core/rng.ts";
import { chosenLetter } from "../../graders/index.ts";
import type { TaskProblem } from "../../task.ts";
import type { Benchmark } from "../benchmark.ts";

const LETTERS = "ABCD";

export const gpqaDiamond: Benchmark = {
  name: "gpqa-diamond",
  version: "1",
  description: "GPQA-diamond: 198 questions of graduate science, four choices each",
  maxTokens: 32_768,
  prepare: shuffleChoices,
  prompt: ({ problem }) => `${problem}\n\nPut the letter of your choice within \\boxed{}.`,
  grade: (text, { gold }) => {
    const answer = chosenLetter(text, LETTERS);
    return { answer, correct: answer === gold };
  },
};

/**
 * The four choices in an order drawn from seed and problem: files have the right one always first, or always in one order.
 * @throws DataError when the problem does not end in lines "A. ..." to "D. ...".
 */
export function shuffleChoices({ id, problem, gold }: TaskProblem, seed: number): TaskProblem {
  const match = /^(.*?)\n\s*A\. (.*?)\nB\. (.*?)\nC\. (.*?)\nD\. (.*)$/su.exec(problem.trimEnd());
  const right = LETTERS.indexOf(gold);
  if (match === null || right < 0 || gold.length !== 1) {
    throw new DataError(
      `gpqa-diamond, problem ${id}: it must end in lines "A. ..." to "D. ...", and its answer be one of these letters; the answer is ${JSON.stringify(gold)}.`,
      { code: "data-invalid" },
    );
  }
  const [, question = "", ...choices] = match;
  const order = createRng(seed).fork(id).shuffle([0, 1, 2, 3]);
  const lines = order.map((from, place) => `${LETTERS[place] ?? ""}. ${(choices[from] ?? "").trim()}`);
  return {
    id,
    problem: `${question.trimEnd()}\n\n${lines.join("\n")}`,
    gold: LETTERS[order.indexOf(right)] ?? "",
  };
}
