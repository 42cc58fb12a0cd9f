import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { splitProblems } from "./problem-files.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-problems-"));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();
const file = join(folder, "all.jsonl");
const rows = Array.from({ length: 30 }, (_, index) => ({
  id: `train-${index}`,
  problem: `What is ${index} + 1?`,
  answer: String(index + 1),
}));
writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));

const read = (spec: string): unknown[] =>
  readFileSync(spec.replace(/^gsm8k:/u, ""), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

it("splits a file into two that share no problem, the same each time", async () => {
  const problems = await splitProblems(`gsm8k:${file}`, 10, join(folder, "a"), { signal });
  expect(problems).toEqual({
    training: `gsm8k:${join(folder, "a", "train.jsonl")}`,
    heldOut: `gsm8k:${join(folder, "a", "held-out.jsonl")}`,
    size: 20,
  });
  const [training, heldOut] = [read(problems.training), read(problems.heldOut)];
  expect([training.length, heldOut.length]).toEqual([20, 10]);
  expect(new Set([...training, ...heldOut].map((row) => JSON.stringify(row)))).toEqual(
    new Set(rows.map((row) => JSON.stringify(row))),
  );
  const again = await splitProblems(file, 10, join(folder, "b"), { signal });
  expect(again.training).toBe(join(folder, "b", "train.jsonl"));
  expect(await splitProblems("micro", 10, folder, { signal })).toEqual({
    training: "micro",
    heldOut: "micro",
  });
});

it("refuses too few problems, and problems with choices", async () => {
  await expect(splitProblems(file, 16, folder, { signal })).rejects.toThrow("too few to keep 16 apart");
  await expect(splitProblems("gsm8k", 16, folder, { signal })).rejects.toThrow("needs a file");
});
