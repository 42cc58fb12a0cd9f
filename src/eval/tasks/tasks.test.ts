import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { microExample } from "../../micro/index.ts";
import { TASKS } from "./index.ts";
import { microTask } from "./micro.ts";

describe("the micro task", () => {
  it("takes problems of the test split; fewer are a prefix of more", async () => {
    const problems = await microTask.problems(20, 3);
    expect(await microTask.problems(5, 3)).toEqual(problems.slice(0, 5));
    expect(new Set(problems.map(({ id }) => id)).size).toBe(20);
    expect(problems.every(({ id }) => id.startsWith("test-3-"))).toBe(true);
    expect(await microTask.problems(5, 4)).not.toEqual(problems.slice(0, 5));
  });

  it("asks with the bare problem and grades the generator's own trace as right", async () => {
    const [problem] = await microTask.problems(1, 3);
    if (problem === undefined) throw new Error("no problem");
    expect(microTask.messages(problem)).toEqual([{ role: "user", content: problem.problem }]);
    const { trace } = microExample("test", 3, 0);
    expect(microTask.grade(trace.text, problem)).toEqual({ answer: problem.gold, correct: true });
    expect(microTask.grade("I do not know", problem)).toEqual({ answer: null, correct: false });
    expect(microTask.grade("\\boxed{1001}", problem)).toEqual({ answer: "1001", correct: false });
  });
});

it("has its row in the table and its line in the docs", async () => {
  const docs = await readFile(join(import.meta.dirname, "../../../docs/tasks.md"), "utf8");
  expect(new Set(TASKS.map(({ name }) => name)).size).toBe(TASKS.length);
  const missing = TASKS.filter(({ name }) => docs.split(`\n| \`${name}\` |`).length !== 2);
  expect(missing.map(({ name }) => name)).toEqual([]);
});
