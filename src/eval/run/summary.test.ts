import { describe, expect, it } from "vitest";

import { fakeSolve, makePlan, provenance, runOptions } from "../../../test/support/fake-evaluation.ts";
import { runEvaluation, type SampleOutcome, type SampleRequest } from "./runner.ts";
import { summarySchema } from "../summary-schema.ts";
import { summarize } from "./summary.ts";

describe("summarize", () => {
  it("has everything the contract names, the best control, and learned against the others", async () => {
    const plan = await makePlan("small,never,self,learned,random~learned,big", 60, 4);
    const rows = await runEvaluation(plan, runOptions());
    const summary = summarize(plan, rows, { configHash: "abc", config: { a: 1 }, provenance });
    expect(summary.task).toEqual({ name: "micro", version: "1", problems: 60 });
    expect(summary.control).toBe("small");
    expect(summary.comparisons.map(({ first, second }) => `${first} ${second}`)).toEqual([
      "learned small",
      "learned random~learned",
      "learned big",
    ]);
    const learned = summary.arms.find((arm) => arm.name === "learned");
    const own = rows.filter((row) => row.arm === "learned");
    expect(learned?.accuracy).toBeCloseTo(own.filter((row) => row.correct).length / 240, 12);
    expect(learned?.ci95[0]).toBeLessThan(learned?.accuracy ?? 0);
    expect(learned?.ci95[1]).toBeGreaterThan(learned?.accuracy ?? 1);
    expect(Object.keys(learned?.passAt ?? {})).toEqual(["1", "2", "4"]);
    expect(learned?.passAt["1"]).toBeCloseTo(learned?.accuracy ?? 0, 12);
    expect(learned?.handoffMs?.mean).toBe(3);
    expect(learned?.covAt?.["4"]).toBe(learned?.passAt["4"]);
    expect(learned?.covAt?.["1"]).toBeCloseTo(
      own.filter(({ sample, correct }) => sample === 0 && correct).length / 60,
      12,
    );
    for (const [values, intervals] of [
      [learned?.passAt, learned?.passAtCi95],
      [learned?.covAt, learned?.covAtCi95],
      [learned?.majAt, learned?.majAtCi95],
    ] as const) {
      expect(Object.keys(intervals ?? {})).toEqual(["1", "2", "4"]);
      for (const [k, value] of Object.entries(values ?? {})) {
        const [low, high] = intervals?.[k] ?? [1, 0];
        expect(low).toBeLessThanOrEqual(value);
        expect(high).toBeGreaterThanOrEqual(value);
      }
    }
    expect(summary.comparisons.every(({ pValue, pAdjusted = 0 }) => pAdjusted >= pValue)).toBe(true);
    // No work was reported and no price given, so there are no such figures.
    expect(learned).not.toHaveProperty("work");
    expect(learned).not.toHaveProperty("costUsd");
    expect(learned).not.toHaveProperty("compute");
    expect(summarySchema.parse(summary)).toEqual(summary);
    expect(summary.arms.find((arm) => arm.name === "small")?.handoffMs).toBeUndefined();
    expect(summary.arms.find((arm) => arm.name === "big")?.offloadShare).toBeGreaterThan(0.98);
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(summarize(plan, rows, { configHash: "abc", config: { a: 1 }, provenance })).toEqual(summary);
  });

  it("adds up work, and what it costs, over samples", async () => {
    const plan = await makePlan("small,learned", 20);
    const part = { prefilled: 100, scored: 10, decoded: 50, calls: 3, discarded: 5 };
    const drafts = { drafted: 8, accepted: 6 };
    const solve = async (request: SampleRequest): Promise<SampleOutcome> => ({
      ...fakeSolve(request),
      firstTokenMs: 7,
      work: {
        small: request.arm.name === "small" ? part : { ...part, ...drafts },
        big: request.arm.name === "small" ? NO_WORK : { ...part, sent: 400 },
      },
    });
    const rows = await runEvaluation(plan, runOptions({ solve }));
    const [small, learned] = summarize(plan, rows, {
      configHash: "x",
      config: {},
      provenance,
      models: { small: "s", smallBase: "b", big: "l" },
      modelSizes: { small: size(10), smallBase: size(10), big: size(1000) },
      rates: {
        models: { small: { prompt: 1, completion: 2 }, big: { prompt: 10, cachedPrompt: 1, completion: 20 } },
        joulesPerFlop: 2,
      },
    }).arms;
    expect(learned?.work?.big).toEqual({
      prefilled: 2000,
      scored: 200,
      decoded: 1000,
      calls: 60,
      discarded: 100,
      sent: 8000,
    });
    expect(learned?.work?.small).toMatchObject({ drafted: 160, accepted: 120 });
    expect(small?.work?.small).not.toHaveProperty("drafted");
    const own = rows.filter(({ arm }) => arm === "learned");
    const seconds = own.reduce((sum, { wallMs }) => sum + wallMs, 0) / 1000;
    const tokens = own.reduce((sum, { usage }) => sum + usage.smallTokens + usage.bigTokens, 0);
    if (seconds > 0) expect(learned?.tokensPerSecond).toBeCloseTo(tokens / seconds, 6);
    expect(small?.costUsd?.total).toBeCloseTo((20 * (110 + 100)) / 1e6, 12);
    expect(learned?.costUsd?.total).toBeCloseTo((20 * (210 + 1100 + 290 + 1000)) / 1e6, 12);
    expect(small?.compute?.flopsPerSample).toBe(2 * 10 * 160);
    expect(learned?.compute?.joulesPerSample).toBe(2 * (2 * 10 * 160 + 2 * 1000 * 160));
    expect(learned?.firstTokenMs).toEqual({ mean: 7, p50: 7, p95: 7, max: 7 });
  });
});

const NO_WORK = { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 };
const size = (parameters: number) => ({ parameters, perToken: parameters, source: "given" }) as const;
