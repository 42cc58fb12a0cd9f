/** What the program says when it is called wrongly, and when it is asked for help; `test/cli/built-program.test.ts` starts it as a process. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { callCli } from "../../test/support/terminal.ts";
import { writeTinyPair } from "../../test/support/tiny-pair.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-program-"));
const PROBLEM = "Start with 347. First, add 85. What is the result modulo 1000?";

const withPair = (...callArguments: string[]): string[] => [
  ...callArguments,
  "--pair",
  join(folder, "pair.json"),
  "--threads",
  "1",
  "--max-tokens",
  "48",
];

beforeAll(() => writeTinyPair(folder));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a wrong call or a failure", () => {
  const gguf = (name: string): string => `gguf:${join(folder, `${name}.gguf`)}`;

  it.each<[string, readonly string[], number, string]>([
    ["a missing model file", withPair("solve", "x", "--small", gguf("none")), 1, "there is no file"],
    ["a broken model file", withPair("solve", "x", "--small", gguf("broken")), 1, "broken.gguf"],
    [
      "an unknown micro model",
      withPair("solve", "x", "--small", "micro:huge"),
      2,
      'no micro model "huge"; there are micro:big, micro:small, micro:small-base.',
    ],
    [
      "an unknown option of a policy",
      withPair("solve", "x", "--policy", "step-score:treshold=6"),
      2,
      'no option "treshold"; there are step, maxStepTokens, threshold, scorer, question.',
    ],
    [
      "a flag of another annotator",
      ["data", "annotate", "x.jsonl", "--out", "y.jsonl", "--endpoint", "http://h/v1#m"],
      2,
      "--endpoint is for --annotator llm; the annotator here is gap.",
    ],
    [
      "a flag with a default of another annotator",
      ["data", "annotate", "x.jsonl", "--out", "y.jsonl", "--annotator", "entropy", "--big", "micro:big"],
      2,
      "--big is for --annotator gap; the annotator here is entropy.",
    ],
    [
      "a calibration without a share",
      withPair("solve", "x", "--calibration", "c.json"),
      2,
      "--calibration c.json is for --share",
    ],
    ["an unknown engine scheme", withPair("solve", "x", "--small", "ftp:x"), 2, "accepted are"],
    ["a missing pair file", ["solve", "x", "--pair", join(folder, "none.json")], 1, "no such file"],
    ["a pair that does not fit", withPair("solve", "x", "--small", gguf("tagless")), 2, "as control tokens"],
    [
      "the same in eval",
      withPair("eval", "micro", "--small", gguf("tagless"), "--small-base", gguf("base")),
      2,
      "as control",
    ],
    [
      "a prompt longer than the context",
      withPair("solve", PROBLEM.repeat(9), "--small", gguf("narrow")),
      1,
      "does not fit",
    ],
    ["an empty problem", withPair("solve", "  "), 2, "the problem is empty"],
    ["no problem at all", withPair("solve"), 2, "the problem is empty"],
    ["an unknown command", ["slove"], 2, "Did you mean solve?"],
    ["an unknown flag", ["solve", "x", "--polcy", "never"], 2, "unknown option '--polcy'"],
    ["an unknown policy", withPair("solve", "x", "--policy", "sometimes"), 2, 'unknown policy "sometimes"'],
    [
      "a share for a policy without",
      withPair("solve", "x", "--policy", "never", "--share", "0.1"),
      2,
      "--share 0.1 is for",
    ],
    ["a temperature below 0", ["solve", "x", "--temperature", "-1"], 2, "from 0 to 10"],
    ["a temperature that is no number", ["solve", "x", "--temperature", "warm"], 2, "from 0 to 10"],
    ["a budget above 1", ["solve", "x", "--budget", "2"], 2, "from 0 to 1"],
    ["a seed with a fraction", ["solve", "x", "--seed", "1.5"], 2, "whole number"],
    ["no tokens", ["solve", "x", "--max-tokens", "0"], 2, "of at least 1"],
    [
      "a dial that no arm honours",
      ["eval", "micro", "--arms", "big", "--budget", "0.1"],
      2,
      "--budget 0.1: the policy always",
    ],
    [
      "a dial that the policy cannot honour",
      ["solve", "x", "--policy", "always", "--budget", "0.05"],
      2,
      "--budget 0.05: the policy always",
    ],
    ["an unknown task", ["eval", "macro"], 2, 'unknown task "macro"'],
    ["an unknown arm", ["eval", "micro", "--arms", "learnt"], 2, 'unknown arm "learnt"'],
    ["no problems to evaluate", ["eval", "micro", "--problems", "0"], 2, "whole number from 1"],
    [
      "a folder that cannot be made",
      withPair("eval", "micro", "--out", "/proc/no/where"),
      1,
      "cannot write to",
    ],
    [
      "a pair without base for the arm small",
      withPair("eval", "micro", "--small", gguf("small")),
      2,
      "smallBase",
    ],
    ["training without an output", ["train", "sft"], 2, "required option '--out"],
    [
      "training without data",
      ["train", "sft", "--out", join(folder, "t"), "--model", folder],
      2,
      "field data",
    ],
    [
      "annotation of a missing file",
      ["data", "annotate", join(folder, "no.jsonl"), "--out", join(folder, "x.jsonl")],
      1,
      "no such file",
    ],
  ])("%s", async (_, callArguments, status, message) => {
    const before = (await readdir(folder)).sort();
    const result = await callCli(callArguments);
    expect(result.log).toContain(message);
    expect(result.log.startsWith("splitreason: ")).toBe(true);
    expect(result.log.trimEnd().split("\n")).toHaveLength(1);
    expect(result).toMatchObject({ status, out: "" });
    expect((await readdir(folder)).sort()).toEqual(before);
  });

  it("names the field of a pair file that is wrong", async () => {
    const path = join(folder, "wrong-pair.json");
    writeFileSync(path, JSON.stringify({ small: "gguf:small.gguf", big: "gguf:big.gguf", polcy: "never" }));
    const result = await callCli(["solve", "x", "--pair", path]);
    expect(result).toMatchObject({ status: 2, out: "" });
    expect(result.log).toContain("polcy");
  });

  it("shows the stack under --debug", async () => {
    const result = await callCli(withPair("solve", "x", "--small", gguf("none"), "--debug"));
    expect(result.log).toMatch(/\n\s+at /u);
  });
});

describe("help", () => {
  it.each([
    [[]],
    [["solve"]],
    [["eval"]],
    [["quickstart"]],
    [["train", "sft"]],
    [["train", "pretrain"]],
    [["data", "annotate"]],
    [["micro", "build"]],
  ])("%j --help teaches", async (command) => {
    const result = await callCli([...command, "--help"]);
    expect(result).toMatchObject({ status: 0, log: "" });
    expect(result.out).toContain(
      command.length === 0 || command[0] !== "quickstart" ? "Example" : "problems",
    );
  });

  it.each([[["train", "grpo"]], [["train", "sft"]], [["micro", "learn"]], [["eval"]]])(
    "%j --help measures another small model beside the one before tuning, as the usual arms need it",
    async (command) => {
      const { out } = await callCli([...command, "--help"]);
      const examples = out.split("\n").filter((line) => /splitreason eval .*--small /u.test(line));
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) expect(example).toContain("--small-base ");
    },
  );

  it("prints the version", async () => {
    const result = await callCli(["--version"]);
    expect(result).toMatchObject({ status: 0, log: "" });
    expect(result.out).toMatch(/^\d+\.\d+\.\d+\n$/u);
  });
});
