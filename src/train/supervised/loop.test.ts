import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { tokenId } from "../../core/ids.ts";
import { createRng } from "../../core/rng.ts";
import { learningRateAt } from "../optimiser.ts";
import { loopConfigSchema, type LoopOptions, runSupervised } from "./loop.ts";
import { METRICS_FILE } from "../run-folder.ts";
import type { Datum } from "../trainer.ts";
import { EmbeddedTrainer } from "../trainers/embedded/embedded-trainer.ts";

const MODEL = {
  vocabularySize: 16,
  hiddenSize: 8,
  layers: 1,
  heads: 2,
  keyValueHeads: 1,
  headSize: 4,
  intermediateSize: 16,
  maxPositions: 32,
};
const config = loopConfigSchema.parse({
  steps: 12,
  warmupSteps: 3,
  checkpointEvery: 5,
  evaluateEvery: 4,
  logEvery: 1,
  learningRate: 0.01,
});

function batch(step: number): Datum[] {
  const rng = createRng(step);
  const tokens = Array.from({ length: 12 }, () => tokenId(rng.integer(0, 15)));
  return [{ tokens: tokens.slice(0, -1), targets: tokens.slice(1), weights: tokens.slice(1).map(() => 1) }];
}

describe("runSupervised", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "splitreason-loop-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function run(name: string, changes: Partial<LoopOptions> = {}) {
    const trainer = await EmbeddedTrainer.create({ config: MODEL, seed: 1, rowLength: 16, rowsPerBatch: 1 });
    try {
      const outcome = await runSupervised({
        config,
        trainer,
        batch,
        folder: join(folder, name),
        header: { identity: "test", provenance: null },
        evaluate: async () => ({ constant: 1 }),
        ...changes,
      });
      return { outcome, weights: trainer.weights() };
    } finally {
      await trainer.close();
    }
  }

  /** The records without what a clock measures. */
  async function records(name: string) {
    const lines = (await readFile(join(folder, name, METRICS_FILE), "utf8")).trimEnd().split("\n");
    return lines.slice(1).map((line) => ({ ...JSON.parse(line), tokensPerSecond: 0, secondsLeft: 0 }));
  }

  it("continues after an interruption to the same curve and the same bytes", async () => {
    const whole = await run("whole");
    expect(whole.outcome.status).toBe("done");

    const controller = new AbortController();
    const first = await run("parts", {
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step === 7) controller.abort();
      },
    });
    expect(first.outcome).toMatchObject({ status: "interrupted", step: 7 });
    const second = await run("parts");
    expect(second.outcome).toMatchObject({ status: "done", step: 12 });
    expect(second.weights).toEqual(whole.weights);
    expect(await records("parts")).toEqual(await records("whole"));
  });

  it("continues after a kill: records behind the last checkpoint are written again", async () => {
    const whole = await run("whole");
    await run("killed", {
      batch: (step) => {
        if (step === 8) throw new Error("killed");
        return batch(step);
      },
    }).catch((error: unknown) => expect(String(error)).toContain("killed"));
    await writeFile(join(folder, "killed", METRICS_FILE), '{"type":"step","st', { flag: "a" });
    const resumed = await run("killed");
    expect(resumed.weights).toEqual(whole.weights);
    expect(await records("killed")).toEqual(await records("whole"));
  });

  it("does nothing more when the run was done, and refuses another configuration", async () => {
    const { weights } = await run("done");
    const again = await run("done");
    expect(again.outcome).toMatchObject({ status: "done", step: 12, lastLoss: undefined });
    expect(again.weights).toEqual(weights);
    await expect(run("done", { config: { ...config, learningRate: 0.02 } })).rejects.toThrow(
      /another configuration/,
    );
  });

  it("stops with advice when the loss is no longer a number", async () => {
    const bad = batch(0).map((datum) => ({
      ...datum,
      weights: datum.weights.map((_, index) => (index === 0 ? 1e38 : 1e38)),
    }));
    await expect(
      run("diverged", {
        config: { ...config, learningRate: 1e30, clipNorm: 0 },
        batch: (step) => (step > 2 ? batch(step) : bad),
      }),
    ).rejects.toMatchObject({ code: "train-diverged", message: expect.stringMatching(/lower/) });
  });

  it("refuses a batch without targets", async () => {
    const masked = batch(0).map((datum) => ({ ...datum, weights: datum.weights.map(() => 0) }));
    await expect(run("masked", { batch: () => masked })).rejects.toThrow(/no target/);
  });
});

describe("learningRateAt", () => {
  it("warms up linearly and ends at the final share", () => {
    const schedule = loopConfigSchema.parse({
      steps: 110,
      warmupSteps: 10,
      learningRate: 1,
      finalShare: 0.1,
    });
    expect(learningRateAt(schedule, 0)).toBeCloseTo(0.1);
    expect(learningRateAt(schedule, 9)).toBe(1);
    expect(learningRateAt(schedule, 60)).toBeCloseTo(0.55);
    expect(learningRateAt({ ...schedule, schedule: "linear" }, 60)).toBeCloseTo(0.55);
    expect(learningRateAt({ ...schedule, schedule: "constant" }, 100)).toBe(1);
  });
});
