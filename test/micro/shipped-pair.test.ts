/**
 * The pair in models/micro, as a newcomer meets it: what the quick start prints, and that the claim holds on problems that neither
 * model was trained on. Bounds leave room for the chance of few problems; docs/results.md has the figures on many.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { microExample } from "../../src/micro/index.ts";
import { runCliProcess } from "../support/cli.ts";

interface Arm {
  readonly name: string;
  readonly accuracy: number;
  readonly offloadShare: number;
}

interface Point {
  readonly bias: number;
  readonly share: number;
  readonly accuracy: number;
}

describe("the shipped pair", { timeout: 300_000 }, () => {
  it("gains what the project claims, over honest controls", async () => {
    const result = await runCliProcess(
      ["eval", "micro", "--problems", "80", "--seed", "11", "--threads", "1", "--json"],
      { timeoutMs: 280_000 },
    );
    expect(result.status, result.log).toBe(0);
    const document = JSON.parse(result.out) as { readonly arms: readonly Arm[]; readonly control: string };
    const arm = (name: string): Arm => {
      const found = document.arms.find((candidate) => candidate.name === name);
      if (found === undefined) throw new Error(`the evaluation has no arm ${name}`);
      return found;
    };
    const learned = arm("learned");
    const random = arm("random~learned");
    expect(learned.accuracy - arm(document.control).accuracy).toBeGreaterThanOrEqual(0.283);
    expect(learned.accuracy - random.accuracy).toBeGreaterThanOrEqual(0.15);
    expect(learned.accuracy).toBeGreaterThanOrEqual(0.85 * arm("big").accuracy);
    expect(learned.offloadShare).toBeLessThanOrEqual(0.1);
    expect(Math.abs(random.offloadShare - learned.offloadShare)).toBeLessThan(0.02);
    expect([arm("small"), arm("never"), arm("self")].map(({ offloadShare }) => offloadShare)).toEqual([
      0, 0, 0,
    ]);
  });

  it("shows both authors and the right answer", async () => {
    const { problem, text } = microExample("test", 11, 0);
    const call = ["solve", text, "--threads", "1"];
    const plain = await runCliProcess(call);
    expect(plain.status, plain.log).toBe(0);
    expect(plain.out).toMatch(/«[^»]+»/u);
    const document = JSON.parse((await runCliProcess([...call, "--json"])).out);
    expect(document.segments.map((segment: { readonly author: string }) => segment.author)).toContain("big");
    expect(document.usage.offloadShare).toBeLessThan(0.2);
    const alone = JSON.parse((await runCliProcess([...call, "--policy", "always", "--json"])).out);
    expect(Number(alone.answer)).toBe(problem.answer);
  });

  it("runs the quick start", async () => {
    const result = await runCliProcess(["quickstart", "--problems", "6", "--threads", "1"], {
      timeoutMs: 280_000,
    });
    expect(result.status, result.log).toBe(0);
    for (const text of [
      "A problem",
      "Two models solve it",
      "The right answer is",
      "What it gains",
      "random~learned",
    ]) {
      expect(result.out).toContain(text);
    }
  });

  it("keeps the dial: a hard budget is never exceeded, and a bias moves the share", async () => {
    const { text } = microExample("test", 11, 1);
    const shareUnder = async (...flags: string[]): Promise<number> =>
      JSON.parse((await runCliProcess(["solve", text, "--threads", "1", "--json", ...flags])).out).usage
        .offloadShare;
    expect(await shareUnder("--budget", "0")).toBe(0);
    expect(await shareUnder("--budget", "0.02", "--hard-budget")).toBeLessThanOrEqual(0.02);
    expect(await shareUnder("--bias", "-100")).toBe(0);
  });

  it("writes the same under a budget of 0.05 as without one, and says what a smaller one refused", async () => {
    // Two products, of which the big model writes both.
    const text =
      "Start with 347. First, add 85. Second, multiply the last two digits by 63. Third, multiply the last two digits by 47. What is the result modulo 1000?";
    const solve = (...flags: string[]) => runCliProcess(["solve", text, "--threads", "1", ...flags]);
    const document = async (...flags: string[]) => JSON.parse((await solve("--json", ...flags)).out);
    const free = await document();
    const whole = await document("--budget", "0.05");
    expect(free.answer).toBe("752");
    expect(whole).toMatchObject({ text: free.text, budgetRefusals: 0 });
    expect(await document("--budget", "0.01")).toMatchObject({ budgetRefusals: 1, usage: { switches: 1 } });
    expect((await solve("--budget", "0.01")).out).toContain("the budget refused 1 of 2 requests");
  });

  it("is calibrated: the setting for a share is found, and the curve with it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "splitreason-calibrate-"));
    try {
      const out = join(folder, "calibration.json");
      const call = ["calibrate", "--target-share", "0.03", "--problems", "24", "--threads", "1", "--json"];
      const result = await runCliProcess([...call, "--out", out], { timeoutMs: 280_000 });
      expect(result.status, result.log).toBe(0);
      const { points, chosen } = JSON.parse(result.out) as { points: Point[]; chosen: Point };
      expect(chosen.share).toBeGreaterThan(0.02);
      expect(chosen.share).toBeLessThan(0.04);
      const shares = points.map(({ share }) => share);
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      // Less help, fewer right answers.
      expect(chosen.accuracy).toBeLessThan(Math.max(...points.map(({ accuracy }) => accuracy)));
      expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject({ small: { spec: "micro:small" }, points });
      // The samples that a stopped run would go on from.
      expect(readdirSync(folder)).toEqual(["calibration.json"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
