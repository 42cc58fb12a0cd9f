import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";

import { createRng } from "../../src/core/rng.ts";
import { gradeMath } from "../../src/eval/graders/index.ts";
import { callCli } from "../support/terminal.ts";
import { ownAnswers } from "./answers.ts";
import { answerPairs } from "./rewrites.ts";

const folder = mkdtempSync(join(tmpdir(), "grade-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const path = join(folder, "answers.jsonl");
  writeFileSync(path, text);
  return path;
}

describe("splitreason grade", () => {
  it("prints a line for a line, in order", async () => {
    const pairs = [
      { gold: "\\frac{1}{2}", pred: "so it is $\\boxed{0.5}$" },
      { gold: "3", pred: "\\boxed{4}" },
      { gold: "(1,2]", pred: "" },
    ];
    const { status, out, log } = await callCli([
      "grade",
      fileOf(pairs.map((pair) => JSON.stringify(pair)).join("\n")),
    ]);
    expect(log).toBe("");
    expect(status).toBe(0);
    expect(out).toBe(
      '{"equivalent":true,"goldParsed":"1/2","predParsed":"1/2"}\n' +
        '{"equivalent":false,"goldParsed":"3","predParsed":"4"}\n' +
        '{"equivalent":false,"goldParsed":"(1, 2]","predParsed":null}\n',
    );
  });

  it("says which lines are broken, grades the others, and fails", async () => {
    const { status, out, log } = await callCli([
      "grade",
      fileOf('{"gold":"1","pred":"1"}\n{"gold":1}\nnonsense\n'),
    ]);
    expect(status).toBe(1);
    expect(
      out
        .trim()
        .split("\n")
        .map((line) => Object.keys(z.record(z.string(), z.unknown()).parse(JSON.parse(line))).length),
    ).toEqual([3, 4, 4]);
    expect(log).toContain("answers.jsonl:2: field gold");
    expect(log).toContain("answers.jsonl:3: not valid JSON");
    expect(log).toContain("2 of 3 lines could not be graded");
  });

  it("fails on a file that is not there", async () => {
    const { status, log } = await callCli(["grade", join(folder, "none.jsonl")]);
    expect(status).toBe(1);
    expect(log).toContain("no such file");
  });
});

it("grades 10,000 answers in less than 30 seconds of processor time", () => {
  const answers = ownAnswers(2000, 4);
  const pairs = answerPairs(answers, 10_000, createRng(5));
  expect(pairs.length).toBe(10_000);
  // Processor time: other programs on the machine do not count.
  const before = process.cpuUsage();
  let right = 0;
  for (const { gold, pred } of pairs) if (gradeMath(gold, pred).equivalent) right += 1;
  const { user, system } = process.cpuUsage(before);
  expect(right).toBeGreaterThan(2000);
  expect((user + system) / 1e6).toBeLessThan(30);
}, 600_000);
