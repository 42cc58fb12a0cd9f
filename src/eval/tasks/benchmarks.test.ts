import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { OFFLOAD_TAGS } from "../../tags/index.ts";
import type { HubDataset } from "./benchmark.ts";
import { shuffleChoices } from "./choices.ts";
import { openTask, parseTaskSpec } from "./open.ts";

const { signal } = new AbortController();
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tasks-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function fileOf(rows: readonly unknown[]): Promise<string> {
  const path = join(folder, `${Math.abs(rows.length)}-${JSON.stringify(rows).length}.jsonl`);
  await writeFile(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path;
}

describe("a benchmark from a file", () => {
  it("has all its problems, in an order that the seed says; fewer are a prefix of more", async () => {
    const rows = Array.from({ length: 12 }, (_, index) => ({
      problem: `What is ${index} + 1?`,
      answer: index + 1,
    }));
    const task = await openTask(`aime24:${await fileOf(rows)}`, { signal });
    expect(task.size).toBe(12);
    const problems = await task.problems(12, 5);
    expect(await task.problems(4, 5)).toEqual(problems.slice(0, 4));
    expect(await task.problems(12, 6)).not.toEqual(problems);
    expect(problems.map(({ id }) => id).sort()[11]).toBe("aime24-0011");
    await expect(task.problems(13, 5)).rejects.toThrow("has 12 problems, 13 were asked for");
  });

  it("asks with the paper's lines: the hint only for the small model", async () => {
    const task = await openTask(
      await fileOf([{ id: "a", problem: "What is half?", answer: "\\frac{1}{2}" }]),
      { signal },
    );
    const [problem] = await task.problems(1, 1);
    if (problem === undefined) throw new Error("no problem");
    expect(task.messages(problem)).toEqual([
      { role: "user", content: "What is half?\n\nPut your final answer within \\boxed{}." },
    ]);
    expect(task.hintedMessages?.(problem, OFFLOAD_TAGS)[0]?.content).toContain(
      "You always use <bigmodel>...</bigmodel> to mark parts",
    );
    expect(task.grade("It is $\\boxed{0.5}$.", problem)).toEqual({ answer: "0.5", correct: true });
    expect(task.grade("I give up", problem)).toEqual({ answer: null, correct: false });
  });

  it("has another version with other problems", async () => {
    const [one, two] = [
      { problem: "p", answer: "1" },
      { problem: "pp", answer: "1" },
    ];
    const version = async (row: unknown): Promise<string> =>
      (await openTask(await fileOf([row]), { signal })).version;
    expect(await version(one)).not.toBe(await version(two));
  });

  it("names the line that cannot be used", async () => {
    await expect(
      openTask(await fileOf([{ problem: "p", answer: "1" }, { problem: "q" }]), { signal }),
    ).rejects.toThrow(/jsonl:2: needs "problem" \(or "question"\) and "answer"; it has problem/u);
    await expect(openTask(`math500:${join(folder, "none.jsonl")}`, { signal })).rejects.toThrow(
      "cannot read",
    );
    const twice = await fileOf([
      { id: "a", problem: "p", answer: "1" },
      { id: "a", problem: "q", answer: "2" },
    ]);
    await expect(openTask(twice, { signal })).rejects.toThrow('the id "a" occurs twice');
  });
});

it("reads a benchmark from the hub through the caller, GSM8K's own rows as well", async () => {
  const asked: HubDataset[] = [];
  const task = await openTask("gsm8k", {
    signal,
    fetchRows: async (dataset) => {
      asked.push(dataset);
      return [{ question: "How many eggs?", answer: "16 - 3 = 13\n#### 13" }];
    },
  });
  expect(asked).toEqual([{ repository: "openai/gsm8k", config: "main", split: "test" }]);
  const [problem] = await task.problems(1, 1);
  expect(problem).toMatchObject({ problem: "How many eggs?", gold: "13" });
  if (problem !== undefined) expect(task.grade("so there are 13 eggs.", problem).correct).toBe(true);
  await expect(openTask("gsm8k", { signal })).rejects.toThrow("gsm8k:FILE.jsonl");
});

describe("gpqa-diamond", () => {
  const problem = {
    id: "q1",
    problem: "Which?\nIt is known.\n\nA. one\nB. two\nC. three\nD. four",
    gold: "A",
  };

  it("puts the choices in an order of seed and problem; the letter follows its text", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const shuffled = shuffleChoices(problem, seed);
      expect(shuffled).toEqual(shuffleChoices(problem, seed));
      expect(shuffled.problem).toContain(`${shuffled.gold}. one`);
      expect(shuffled.problem.startsWith("Which?\nIt is known.\n\nA. ")).toBe(true);
      seen.add(shuffled.gold);
    }
    expect([...seen].sort()).toEqual(["A", "B", "C", "D"]);
  });

  it("refuses a problem without its choices", () => {
    expect(() => shuffleChoices({ ...problem, problem: "Which?" }, 1)).toThrow(
      "problem q1 must end in lines",
    );
    expect(() => shuffleChoices({ ...problem, gold: "one" }, 1)).toThrow('the answer is "one"');
  });
});

it("knows every task by name", () => {
  expect(parseTaskSpec("math500:a:b.jsonl")).toMatchObject({ file: "a:b.jsonl" });
  expect(() => parseTaskSpec("macro")).toThrow('unknown task "macro"; tasks: micro, aime24');
  expect(() => parseTaskSpec("math500:")).toThrow("unknown task");
});
