import { describe, expect, it } from "vitest";

import { fakeSolve, makePlan, provenance, runOptions } from "../../../test/support/fake-evaluation.ts";
import { ConfigError, EngineError } from "../../core/errors.ts";
import { createRng } from "../../core/rng.ts";
import { runEvaluation, type SampleOutcome } from "./runner.ts";
import { schedule } from "./schedule.ts";
import { summarize } from "./summary.ts";

describe("schedule", () => {
  it("runs every sample of every arm once, arms interleaved, a matched arm after its target", async () => {
    const plan = await makePlan("learned,random~learned,big", 50, 2);
    const phases = schedule(plan.arms, plan.problems, plan.samples);
    const keys = phases.flatMap(({ jobs }) =>
      jobs.map((job) => `${job.arm.name} ${job.problem.id} ${job.sample}`),
    );
    expect(keys).toHaveLength(300);
    expect(new Set(keys).size).toBe(300);
    const [first, second] = phases;
    expect(first?.jobs.slice(0, 3).map((job) => job.arm.name)).toEqual(["learned", "big", "learned"]);
    expect(first?.jobs.some((job) => job.arm.name === "random~learned")).toBe(false);
    const matched = second?.jobs.filter((job) => job.arm.name === "random~learned");
    expect(new Set(matched?.map((job) => job.problem))).toEqual(
      new Set(first?.jobs.map((job) => job.problem)),
    );
  });
});

describe("runEvaluation", () => {
  it("gives rows in the order of problem, sample, arm, whatever order they end in", async () => {
    const plan = await makePlan("never,learned", 6, 2);
    const rng = createRng(1);
    const rows = await runEvaluation(
      plan,
      runOptions({
        solve: async (request) => {
          await new Promise((resolve) => setTimeout(resolve, rng.integer(0, 5)));
          return fakeSolve(request);
        },
      }),
    );
    const inOrder = plan.problems.flatMap(({ id }) =>
      [0, 1].flatMap((sample) => ["never", "learned"].map((arm) => [id, sample, arm])),
    );
    expect(rows.map((row) => [row.problemId, row.sample, row.arm])).toEqual(inOrder);
  });

  it("gives arms the same seed for the same sample, and other seeds to other samples", async () => {
    const rows = await runEvaluation(await makePlan("never,learned", 4, 3), runOptions());
    const seeds = new Map<string, Set<number>>();
    for (const row of rows) {
      const key = `${row.problemId} ${row.sample}`;
      seeds.set(key, (seeds.get(key) ?? new Set()).add(row.seed));
    }
    expect([...seeds.values()].every((set) => set.size === 1)).toBe(true);
    expect(new Set(rows.map((row) => row.seed)).size).toBe(12);
  });

  it("gives a sample that a limit cut before its answer no answer, and counts it apart from wrong ones", async () => {
    const plan = await makePlan("learned", 3);
    const texts = ["so \\boxed{7}, or \\boxed{1", "so \\boxed{7}.", "so \\boxed{7}. And"];
    const rows = await runEvaluation(
      plan,
      runOptions({
        solve: async (request) => {
          const index = plan.problems.indexOf(request.problem);
          const finishReason = index === 1 ? "end-of-turn" : "length";
          return { ...fakeSolve(request), text: texts[index] ?? "", finishReason };
        },
      }),
    );
    expect(rows.map(({ answer, finishReason }) => [answer, finishReason])).toEqual([
      [null, "length"],
      ["7", "end-of-turn"],
      ["7", "length"],
    ]);
    const [arm] = summarize(plan, rows, { configHash: "", config: {}, provenance }).arms;
    expect(arm).toMatchObject({ cut: 1, finishReasons: { length: 2, "end-of-turn": 1 } });
  });

  it("keeps a failed sample as a wrong row with its reason and continues", async () => {
    const plan = await makePlan("learned", 5);
    const broken = plan.problems[2]?.id;
    const rows = await runEvaluation(
      plan,
      runOptions({
        solve: async (request) => {
          if (request.problem.id === broken) {
            throw new EngineError("big is away", { code: "engine-unavailable" });
          }
          return fakeSolve(request);
        },
      }),
    );
    expect(rows).toHaveLength(5);
    expect(rows[2]).toMatchObject({
      correct: false,
      answer: null,
      finishReason: "error",
      error: "engine-unavailable: big is away",
    });
    const summary = summarize(plan, rows, { configHash: "x", config: {}, provenance });
    expect(summary.arms[0]).toMatchObject({
      samples: 5,
      failed: 1,
      firstError: "engine-unavailable: big is away",
    });
  });

  it("stops at a configuration error", async () => {
    const solve = async (): Promise<SampleOutcome> => {
      throw new ConfigError("the pair does not fit", { code: "pair-mismatch" });
    };
    await expect(runEvaluation(await makePlan("learned", 50), runOptions({ solve }))).rejects.toThrow(
      "the pair does not fit",
    );
  });

  it("never has more samples in flight than asked for, and waits for them when it stops", async () => {
    let inFlight = 0;
    let most = 0;
    const stop = new AbortController();
    const running = runEvaluation(
      await makePlan("never,learned", 20),
      runOptions({
        signal: stop.signal,
        solve: async (request, signal) => {
          inFlight += 1;
          most = Math.max(most, inFlight);
          await new Promise((resolve) => setTimeout(resolve, 2));
          inFlight -= 1;
          signal.throwIfAborted();
          return fakeSolve(request);
        },
        onRow: (_, count) => {
          if (count === 9) stop.abort(new Error("enough"));
        },
      }),
    );
    await expect(running).rejects.toThrow("enough");
    expect(most).toBe(3);
    expect(inFlight).toBe(0);
  });

  it("matches a random arm in tokens to its target", async () => {
    const plan = await makePlan("learned,random~learned", 200);
    const rows = await runEvaluation(plan, runOptions());
    const summary = summarize(plan, rows, { configHash: "x", config: {}, provenance });
    const [learned, random] = summary.arms;
    expect(random?.matched?.to).toBe("learned");
    // The policy gives 1.4 times what it is asked for: unmatched, the difference would be 0.024.
    expect(Math.abs(random?.matched?.shareDifference ?? 1)).toBeLessThan(0.003);
    expect(learned?.offloadShare).toBeGreaterThan(0.04);
    expect(rows.filter((row) => row.arm === "learned").every((row) => row.requestedShare === undefined)).toBe(
      true,
    );
  });
});
