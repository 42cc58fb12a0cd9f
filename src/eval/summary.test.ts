import { describe, expect, it } from "vitest";

import { makePlan, provenance, runOptions } from "../../test/support/fake-evaluation.ts";
import { runEvaluation } from "./runner.ts";
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
    expect(summary.arms.find((arm) => arm.name === "small")?.handoffMs).toBeUndefined();
    expect(summary.arms.find((arm) => arm.name === "big")?.offloadShare).toBeGreaterThan(0.98);
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
    expect(summarize(plan, rows, { configHash: "abc", config: { a: 1 }, provenance })).toEqual(summary);
  });
});
