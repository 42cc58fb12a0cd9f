/**
 * `train grpo` and `calibrate` on problems from files: they do the same as on the same problems of the micro domain, and say clearly which
 * file cannot be used.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { toJsonLines } from "../../src/core/json-lines.ts";
import { microExample, type Split } from "../../src/micro/index.ts";
import { reinforce, reinforceConfigSchema } from "../../src/recipes/reinforce/index.ts";
import type { GrpoEvaluation, GrpoMetrics } from "../../src/train/grpo/loop.ts";
import { callCli } from "../support/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-grpo-data-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SEED = 1;
const PROBLEMS = 4;
const HELD_OUT = 5;

function fileOf(name: string, rows: readonly unknown[]): string {
  const path = join(folder, name);
  writeFileSync(path, toJsonLines(rows));
  return path;
}

const microRows = (split: Split, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const { problem, text } = microExample(split, SEED, index);
    return { id: problem.id, problem: text, answer: problem.answer };
  });

async function oneStep(name: string, more: Record<string, unknown>) {
  const steps: GrpoMetrics[] = [];
  const evaluations: GrpoEvaluation[] = [];
  const notices: string[] = [];
  const config = reinforceConfigSchema.parse({
    model: join("models", "micro", "small"),
    big: "micro:big",
    heldOut: HELD_OUT,
    grpo: { steps: 1, seed: SEED, problems: PROBLEMS, members: 3, keepRollouts: 12, concurrency: 12 },
    ...more,
  });
  const outcome = await reinforce(config, join(folder, name), {
    onStep: (metrics) => steps.push(metrics),
    onEvaluation: (evaluation) => evaluations.push(evaluation),
    onNotice: (text) => notices.push(text),
  });
  const rollouts = readFileSync(join(folder, name, "rollouts.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .toSorted();
  return { outcome, steps, evaluations, notices, rollouts };
}

it(
  "makes the same rollouts, rewards and scores of micro problems from a file",
  { timeout: 600_000 },
  async () => {
    const own = await oneStep("own", {});
    const filed = await oneStep("filed", {
      data: `micro:${fileOf("train.jsonl", microRows("train", PROBLEMS))}`,
      heldOutData: `micro:${fileOf("held-out.jsonl", microRows("validation", HELD_OUT))}`,
    });
    expect(filed.outcome).toMatchObject({ status: "done", step: 1 });
    expect(own.rollouts).toHaveLength(12);
    expect(filed.rollouts).toEqual(own.rollouts);
    const judged = ({ steps: [metrics] }: typeof own) =>
      metrics && {
        accuracy: metrics.accuracy,
        share: metrics.share,
        bigTokens: metrics.bigTokens,
        policyTokens: metrics.policyTokens,
        reward: metrics.reward.toFixed(9),
        droppedGroups: metrics.droppedGroups,
      };
    expect(judged(filed)).toEqual(judged(own));
    expect(judged(own)?.bigTokens).toBeGreaterThan(0);
    // Of the untrained policy: afterwards sums of another order differ in their last digits.
    expect(filed.evaluations[0]).toEqual(own.evaluations[0]);
    expect(own.notices).toEqual([]);
    expect(filed.notices).toEqual([
      expect.stringMatching(/train\.jsonl: 4 problems to train on, 5 held out$/u),
    ]);
  },
);

describe("the commands", () => {
  const grpo = (...flags: readonly string[]) =>
    callCli(
      ["train", "grpo", "--model", join("models", "micro", "small"), "--big", "micro:big"].concat(
        flags,
        "--out",
        join(folder, "refused"),
      ),
    );

  it("says line, value and what to do of a file that cannot be used", { timeout: 600_000 }, async () => {
    const cases: readonly (readonly [unknown[], RegExp])[] = [
      [
        [
          { problem: "p", answer: 1 },
          { problem: "q", answer: null },
        ],
        /:2, field .*answer.*not null/u,
      ],
      [[{ problem: 7, answer: 1 }], /:1, field .*problem.*not 7/u],
      [[{ problem: "p", answer: "none" }], /:1, field answer: .*"none" is no answer of this task/u],
      [[{ problem: "p", answer: 1 }], /has 1 problems to train on, and a step takes 16: lower --problems/u],
      [[], /has no problems/u],
    ];
    for (const [index, [rows, expected]] of cases.entries()) {
      const result = await grpo("--data", `micro:${fileOf(`bad-${index}.jsonl`, rows)}`);
      expect(result.status, result.log).not.toBe(0);
      expect(result).toMatchObject({ out: "" });
      expect(result.log).toMatch(expected);
    }
  });

  it("names the tasks there are", { timeout: 600_000 }, async () => {
    const unknown = await grpo("--data", "sums");
    expect(unknown).toMatchObject({ status: 2 });
    expect(unknown.log).toMatch(/unknown task "sums"; tasks: micro, aime24/u);
    const rows = await grpo("--data", "micro:2000");
    expect(rows).toMatchObject({ status: 2 });
    expect(rows.log).toMatch(/write micro, or micro:FILE.jsonl/u);
    const calibrated = await callCli(["calibrate", "--task", "sums", "--out", join(folder, "table.json")]);
    expect(calibrated).toMatchObject({ status: 2 });
    expect(calibrated.log).toContain('unknown task "sums"');
  });

  it("calibrates on the problems of a file", { timeout: 600_000 }, async () => {
    const out = join(folder, "calibration.json");
    const file = fileOf("calibrate.jsonl", microRows("validation", 10));
    const result = await callCli(
      ["calibrate", "--task", `micro:${file}`, "--concurrency", "10", "--out", out, "--json"].concat(
        "--threads",
        "1",
      ),
    );
    expect(result.status, result.log).toBe(0);
    const table = JSON.parse(result.out) as { points: { accuracy: number; share: number }[] };
    expect(table).toMatchObject({
      task: { name: "micro", version: expect.stringMatching(/^1\+/u), problems: 10 },
    });
    expect(Math.max(...table.points.map(({ accuracy }) => accuracy))).toBeGreaterThan(0.5);
    expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject({ points: table.points });
  });
});
