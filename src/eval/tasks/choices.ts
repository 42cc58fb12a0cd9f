/** Questions with four choices: their order must say nothing about which is right. */
import { DataError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import type { TaskProblem } from "./task.ts";

export const CHOICE_LETTERS = "ABCD";

/**
 * Puts the four choices in an order drawn from seed and problem: files have the right one always first, or always in one order.
 * @throws DataError when the problem does not end in lines "A. ..." to "D. ...".
 */
export function shuffleChoices({ id, problem, gold }: TaskProblem, seed: number): TaskProblem {
  const match = /^(.*?)\n\s*A\. (.*?)\nB\. (.*?)\nC\. (.*?)\nD\. (.*)$/su.exec(problem.trimEnd());
  const right = CHOICE_LETTERS.indexOf(gold);
  if (match === null || right < 0 || gold.length !== 1) {
    throw new DataError(
      `problem ${id} must end in lines "A. ..." to "D. ...", and its answer must be one of these letters; the answer is ${JSON.stringify(gold)}.`,
      { code: "data-invalid" },
    );
  }
  const [, question = "", ...choices] = match;
  const order = createRng(seed).fork(id).shuffle([0, 1, 2, 3]);
  const lines = order.map((from, place) => `${CHOICE_LETTERS[place] ?? ""}. ${(choices[from] ?? "").trim()}`);
  return {
    id,
    problem: `${question.trimEnd()}\n\n${lines.join("\n")}`,
    gold: CHOICE_LETTERS[order.indexOf(right)] ?? "",
  };
}
