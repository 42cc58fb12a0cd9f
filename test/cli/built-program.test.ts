/** The program as its users start it, on small random models: what it prints, what it refuses, how it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { outcomeSchema } from "../../src/eval/row.ts";
import { type CliOptions, type CliResult, runCliProcess } from "../support/cli.ts";
import { writeTinyPair } from "../support/tiny-pair.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-cli-"));
const PROBLEM = "Start with 347. First, add 85. What is the result modulo 1000?";

const cli = (callArguments: readonly string[], options?: CliOptions): Promise<CliResult> =>
  runCliProcess(callArguments, options);
/** With the tiny pair, one thread a model, short outputs. */
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

describe("solve", { timeout: 180_000 }, () => {
  it("prints the document of the contract, the same for the same seed", async () => {
    const call = withPair("solve", PROBLEM, "--policy", "random", "--share", "0.5", "--seed", "5", "--json");
    const [first, second] = await Promise.all([cli(call), cli(call)]);
    expect(first).toMatchObject({ status: 0, log: "" });
    const document = JSON.parse(first.out);
    expect(document).toMatchObject({ problem: PROBLEM, policy: "random", seed: 5, answer: null });
    expect(document.segments.map((segment: { text: string }) => segment.text).join("")).toBe(document.text);
    const { smallTokens, bigTokens, offloadShare } = document.usage;
    expect(smallTokens + bigTokens).toBeLessThanOrEqual(48);
    expect(offloadShare).toBeCloseTo(bigTokens / (smallTokens + bigTokens), 12);
    expect(Object.keys(document.timing)).toEqual(["totalMs", "firstTokenMs", "handoffMs"]);
    expect({ ...JSON.parse(second.out), timing: null }).toEqual({ ...document, timing: null });
  });

  it("marks the big model's words where there are no colours, and colours them where asked", async () => {
    const call = withPair("solve", PROBLEM, "--policy", "always");
    const plain = await cli(call);
    expect(plain.status).toBe(0);
    expect(plain.out).toContain("big (gguf:");
    expect(plain.out).toMatch(/«[^»]/u);
    expect(plain.out).toMatch(/tokens: small 0, big \d+ \(100\.0%\)/u);
    expect(plain.out).not.toContain("\u001b");
    const colored = await cli(call, { environment: { FORCE_COLOR: "1" } });
    expect(colored.out).toContain("\u001b[1m\u001b[35m");
    const flagged = await cli([...call, "--no-color"], { environment: { FORCE_COLOR: "1" } });
    expect(flagged.out).toBe(plain.out.replace(/\n[^\n]*\n$/u, flagged.out.match(/\n[^\n]*\n$/u)?.[0] ?? ""));
  });

  it("reads the problem from standard input", async () => {
    const result = await cli(withPair("solve", "--policy", "never", "--json"), { input: `${PROBLEM}\n` });
    expect(result.status).toBe(0);
    expect(JSON.parse(result.out).problem).toBe(PROBLEM);
  });

  it("stops quietly when nobody reads on", async () => {
    const result = await cli(withPair("solve", PROBLEM, "--policy", "never", "--max-tokens", "400"), {
      onOut: (_, closeOut) => closeOut(),
    });
    expect(result).toMatchObject({ status: 0, log: "" });
  });
});

describe("eval", { timeout: 180_000 }, () => {
  const call = (...more: string[]): string[] =>
    withPair("eval", "micro", "--problems", "6", "--arms", "small,never,learned,random~learned,big", ...more);

  it("prints the document of the contract and writes rows and summary", async () => {
    const out = join(folder, "run");
    const result = await cli(call("--bias", "4", "--json", "--out", out));
    expect(result.status).toBe(0);
    const document = JSON.parse(result.out);
    expect(document.task).toEqual({ name: "micro", version: "1", problems: 6 });
    expect(document.arms.map((arm: { name: string }) => arm.name)).toEqual([
      "small",
      "never",
      "learned",
      "random~learned",
      "big",
    ]);
    expect(JSON.parse(await readFile(join(out, "summary.json"), "utf8"))).toEqual(document);
    const rows = (await readFile(join(out, "rows.jsonl"), "utf8")).trimEnd().split("\n");
    expect(rows).toHaveLength(30);
    expect(Object.keys(JSON.parse(rows[0] ?? ""))).toEqual(
      expect.arrayContaining([
        "problemId",
        "problem",
        "gold",
        "arm",
        "sample",
        "seed",
        "answer",
        "correct",
        "usage",
      ]),
    );
    expect((await readdir(out)).sort()).toEqual(["rows.jsonl", "run.json", "summary.json"]);
    const other = await cli(call("--seed", "2", "--out", out));
    expect(other).toMatchObject({ status: 2, out: "" });
    expect(other.log).toContain("belongs to a run with other settings");
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGKILL", null],
  ] as const)("keeps its journal through %s and continues to the same rows", async (signal, status) => {
    const long = (out: string): string[] => [
      ...withPair("eval", "micro", "--arms", "never,learned,random~learned", "--concurrency", "2"),
      "--problems",
      "24",
      "--max-tokens",
      "16",
      "--out",
      out,
    ];
    const stopped = join(folder, `stopped-${signal}`);
    let sent = false;
    const first = await cli(long(stopped), {
      poll: async (kill) => {
        const partial = await readFile(join(stopped, "rows.partial.jsonl"), "utf8").catch(() => "");
        if (!sent && partial.split("\n").length > 10) {
          sent = true;
          kill(signal);
        }
      },
    });
    expect(first.status).toBe(status);
    expect(first.out).toBe("");
    if (status !== null) expect(first.log).toContain("the same command continues it");
    expect(await readdir(stopped)).toEqual(expect.arrayContaining(["rows.partial.jsonl", "run.json"]));
    const second = await cli(long(stopped));
    expect(second.status).toBe(0);
    expect(second.log).toContain("continuing: ");

    const whole = join(folder, "whole");
    expect((await cli(long(whole))).status).toBe(0);
    expect(await outcomes(stopped)).toEqual(await outcomes(whole));
  });

  /** What the seed determines; times and what depends on them are left out. */
  async function outcomes(out: string): Promise<unknown[]> {
    const lines = (await readFile(join(out, "rows.jsonl"), "utf8")).trimEnd().split("\n");
    return lines.map((line) => outcomeSchema.parse(JSON.parse(line)));
  }
});

describe("a wrong call or a failure", () => {
  it("ends with its status and one line", async () => {
    const missing = await cli(withPair("solve", "x", "--small", `gguf:${join(folder, "none.gguf")}`));
    expect(missing).toMatchObject({ status: 1, out: "" });
    expect(missing.log).toMatch(/^splitreason: [^\n]*there is no file[^\n]*\n$/u);
    const unknown = await cli(["slove"]);
    expect(unknown).toMatchObject({ status: 2, out: "" });
    expect(unknown.log).toMatch(/^splitreason: unknown command 'slove' [^\n]*\n$/u);
  });
});
