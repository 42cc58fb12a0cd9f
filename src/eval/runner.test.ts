import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { ConfigError, EngineError } from "../core/errors.ts";
import { createRng } from "../core/rng.ts";
import { parseArms } from "./arms.ts";
import { Journal } from "./journal.ts";
import type { Row } from "./row.ts";
import {
  type EvaluationPlan,
  runEvaluation,
  type RunOptions,
  type SampleOutcome,
  type SampleRequest,
} from "./runner.ts";
import { schedule } from "./schedule.ts";
import { summarize } from "./summary.ts";
import { microTask } from "./tasks/micro.ts";

const makePlan = async (arms: string, problems: number, samples = 1): Promise<EvaluationPlan> => ({
  task: microTask,
  arms: parseArms(arms),
  problems: await microTask.problems(problems, 7),
  samples,
  seed: 7,
});

/** Answers rightly as the arm's fate and the seed say; hands over tokens as asked, in whole spans and a bit too many. */
function fakeSolve({ arm, problem, seed, share }: SampleRequest): SampleOutcome {
  const rng = createRng(seed);
  const skill = { small: 0.5, never: 0.3, self: 0.2, learned: 0.95, big: 0.97 }[arm.name] ?? 0.6;
  const tokens = rng.integer(150, 250);
  const shares: Record<string, number> = { learned: 0.03 + 0.06 * rng.next(), big: 1 };
  const wanted = share === undefined ? (shares[arm.name] ?? 0) : share * 1.4;
  const exact = (wanted * tokens) / 4;
  const bigTokens = 4 * (Math.floor(exact) + (rng.next() < exact % 1 ? 1 : 0));
  const answer = rng.next() < skill ? problem.gold : "1000";
  const text = `\\boxed{${answer}}`;
  return {
    text,
    segments: [{ author: "small", text, tokens, reason: "start" }],
    usage: {
      promptTokens: 40,
      smallTokens: tokens - bigTokens,
      bigTokens,
      tagTokens: 2,
      discardedTokens: 1,
      switches: bigTokens > 0 ? 1 : 0,
      offloadShare: bigTokens / tokens,
    },
    handoffsMs: bigTokens > 0 ? [3] : [],
    finishReason: "end-of-turn",
  };
}

const runOptions = (overrides: Partial<RunOptions> = {}): RunOptions => ({
  solve: async (request) => fakeSolve(request),
  concurrency: 3,
  clock: { nowMs: () => 0, isoNow: () => "2026-01-01T00:00:00Z" },
  signal: new AbortController().signal,
  ...overrides,
});

const provenance = {
  git: null,
  machine: { processor: "test", cores: 1, node: "20", platform: "test" },
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-eval-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("schedule", () => {
  it("runs every sample of every arm once, arms interleaved, a matched arm behind its target", async () => {
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

  it("keeps a failed sample as a wrong row with its reason and goes on", async () => {
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

describe("a run with a journal", () => {
  const header = { configHash: "abc", config: { any: "thing" } };

  /** Runs until `stopAfter` rows, then stops as a kill does: what was written stays, nothing is tidied. */
  async function interruptedRun(plan: EvaluationPlan, stopAfter: number): Promise<void> {
    const stop = new AbortController();
    const journal = await Journal.open(folder, header);
    const onRow = (_: Row, count: number): void => {
      if (count === stopAfter) stop.abort(new Error("killed"));
    };
    await expect(
      runEvaluation(plan, runOptions({ journal, signal: stop.signal, onRow, concurrency: 1 })),
    ).rejects.toThrow("killed");
    await journal.close();
  }

  it("continues after a kill in the middle of a line and ends as if it had never stopped", async () => {
    const plan = await makePlan("small,learned,random~learned", 30);
    const undisturbed = await runEvaluation(plan, runOptions());

    await interruptedRun(plan, 41);
    await appendFile(join(folder, "rows.partial.jsonl"), '{"problemId":"half a r\u00f6');
    const journal = await Journal.open(folder, header);
    expect(journal.kept).toHaveLength(41);
    let solved = 0;
    const rows = await runEvaluation(
      plan,
      runOptions({
        journal,
        solve: async (request) => {
          solved += 1;
          return fakeSolve(request);
        },
      }),
    );
    await journal.finish(rows, { done: true });
    expect(solved).toBe(90 - 41);
    expect(rows).toEqual(undisturbed);
    expect((await readdir(folder)).sort()).toEqual(["rows.jsonl", "run.json", "summary.json"]);
    const lines = (await readFile(join(folder, "rows.jsonl"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(undisturbed);
  });

  it("runs nothing again when everything is there", async () => {
    const plan = await makePlan("learned", 4);
    const first = await Journal.open(folder, header);
    const rows = await runEvaluation(plan, runOptions({ journal: first }));
    await first.finish(rows, {});
    const solve = async (): Promise<SampleOutcome> => {
      throw new Error("must not run");
    };
    const again = await runEvaluation(
      plan,
      runOptions({ journal: await Journal.open(folder, header), solve }),
    );
    expect(again).toEqual(rows);
  });

  it("refuses a folder with another run, with rows of unknown origin, or with broken rows", async () => {
    await interruptedRun(await makePlan("learned", 4), 2);
    await expect(Journal.open(folder, { configHash: "other", config: {} })).rejects.toThrow("other settings");
    await appendFile(join(folder, "rows.partial.jsonl"), "{}\n");
    await expect(Journal.open(folder, header)).rejects.toThrow("rows.partial.jsonl:3 cannot be used");
    await rm(join(folder, "run.json"));
    await expect(Journal.open(folder, header)).rejects.toThrow("no run.json");
  });

  it("leaves nothing behind where no row was written", async () => {
    const fresh = join(folder, "fresh");
    const journal = await Journal.open(fresh, header);
    expect(await readdir(fresh)).toEqual(["run.json"]);
    await journal.close();
    expect(await readdir(folder)).toEqual([]);
    // What was there before stays.
    await (await Journal.open(folder, header)).close();
    expect(await readdir(folder)).toEqual([]);
  });

  it("says so when the folder cannot be written", async () => {
    const file = join(folder, "a-file");
    await appendFile(file, "not a folder");
    await expect(Journal.open(join(file, "run"), header)).rejects.toThrow("cannot write to");
    await expect(Journal.open("/proc/nothing/here", header)).rejects.toThrow("cannot write to");
  });
});

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
