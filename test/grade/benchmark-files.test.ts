/** Runs the tasks on the benchmarks' own problems, if their files are there: every gold answer is right, and another problem's is not. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { openTask } from "../../src/eval/tasks/open.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "..", "shared", "data", "benchmarks");

it.runIf(existsSync(FOLDER)).each([
  ["aime24", "aime24.jsonl", 30],
  ["math500", "math500.jsonl", 500],
  ["gpqa-diamond", "gpqa_diamond.jsonl", 198],
  ["gsm8k", "gsm8k.jsonl", 1319],
])(`%s reads %s and grades it (only where ${FOLDER} is)`, { timeout: 300_000 }, async (task, file, size) => {
  const path = join(FOLDER, file);
  const opened = await openTask(`${task}:${path}`, { signal: new AbortController().signal });
  expect(opened.size).toBe(size);
  const problems = await opened.problems(size, 1);
  const wrong = problems.filter(
    (problem) => !opened.grade(`So it is $\\boxed{${problem.gold}}$.`, problem).correct,
  );
  expect(wrong.map(({ id, gold }) => `${id}: ${gold}`)).toEqual([]);
  for (const [index, problem] of problems.slice(0, 100).entries()) {
    const other = problems[index + 1]?.gold ?? "";
    if (other === problem.gold) continue;
    // Two answers of a benchmark may be equal and written differently; these are not.
    const text = `The answer is $\\boxed{${other}}$.`;
    expect(opened.grade(text, problem).correct, `${problem.gold} | ${other}`).toBe(false);
  }
});
