/** Reinforcement learning on tiny random models. It learns what it is paid for, resumes exactly, and survives a big model that fails. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { TrainError } from "../../src/core/errors.ts";
import { controlPiece, textPiece } from "../../src/core/piece.ts";
import type { Engine, Sequence } from "../../src/engines/engine.ts";
import { microTokenizer } from "../../src/recipes/micro/corpus.ts";
import { BUILT_IN_TEMPLATES } from "../../src/tokenizer/index.ts";
import { modelExporter } from "../../src/train/export/index.ts";
import { grpoConfigSchema } from "../../src/train/grpo/config.ts";
import type { Reward } from "../../src/train/grpo/rewards/reward.ts";
import type { RolloutProblem } from "../../src/train/grpo/rollout.ts";
import { type GrpoMetrics, type GrpoOptions, runGrpo } from "../../src/train/grpo/loop.ts";
import { EmbeddedTrainer } from "../../src/train/trainers/embedded/embedded-trainer.ts";
import { llamaSampler } from "../../src/train/export/llama-sampler.ts";

const tokenizer = microTokenizer();
const modelTokenizer = {
  vocabulary: tokenizer.contents,
  endOfTurn: "<|im_end|>",
  padding: "<|endoftext|>",
  chatTemplate: BUILT_IN_TEMPLATES.chatml,
};
const id = (marker: string) => {
  const value = tokenizer.controlId(marker);
  if (value === undefined) throw new Error(marker);
  return value;
};
const ids = { open: id("<bigmodel>"), close: id("</bigmodel>"), endOfTurn: id("<|im_end|>") };
const folder = mkdtempSync(join(tmpdir(), "splitreason-grpo-"));
let big: Engine;

const makeTrainer = (seed: number): Promise<EmbeddedTrainer> =>
  EmbeddedTrainer.create({
    config: {
      vocabularySize: tokenizer.size,
      hiddenSize: 32,
      layers: 1,
      heads: 2,
      keyValueHeads: 2,
      headSize: 16,
      intermediateSize: 48,
      maxPositions: 128,
    },
    seed,
    rowLength: 64,
    exporter: modelExporter(modelTokenizer, "tiny"),
    sampler: llamaSampler(modelTokenizer, { threads: 1, sequences: 16, contextSize: 128 }),
  });

beforeAll(async () => {
  const trainer = await makeTrainer(77);
  big = await trainer.sampler();
  await trainer.close();
});
afterAll(async () => {
  await big.close();
  rmSync(folder, { recursive: true, force: true });
});

const problems = (step: number): RolloutProblem[] =>
  Array.from({ length: 4 }, (_, index) => ({
    id: `${step}-${index}`,
    prompt: { prompt: [controlPiece("<|im_start|>"), textPiece(`user\n${index}`)] },
    opening: "",
    grade: () => false,
  }));

/** Pays for letters e: whatever can be measured can be learned. */
const lettersE: Reward = {
  name: "letters e",
  rollouts: "pair",
  score: (groupG) =>
    groupG.map(({ taggedText }) => {
      const total = (taggedText.split("e").length - 1) / 10;
      return { total, parts: { letters: total } };
    }),
};

function options(name: string, trainer: EmbeddedTrainer, more: Partial<GrpoOptions>): GrpoOptions {
  return {
    config: grpoConfigSchema.parse({
      steps: 4,
      members: 6,
      maxTokens: 40,
      concurrency: 16,
      learningRate: 1e-2,
      warmupSteps: 1,
      checkpointEvery: 2,
      keepRollouts: 1,
    }),
    trainer,
    big,
    reward: lettersE,
    ids,
    problems,
    folder: join(folder, name),
    header: { identity: "test", provenance: {} },
    ...more,
  };
}

/** Without times, which differ from run to run, and without the last digits of what an engine says, which depend on its batches. */
const timeless = (metrics: GrpoMetrics) => ({
  ...metrics,
  rolloutSeconds: 0,
  updateSeconds: 0,
  tokensPerSecond: 0,
  secondsLeft: 0,
  samplerGap: (metrics.samplerGap ?? 0) < 1e-5,
  entropy: metrics.entropy.toFixed(5),
  openLogprob: metrics.openLogprob?.toFixed(5),
});

describe("runGrpo", () => {
  it("learns what it is paid for", async () => {
    const trainer = await makeTrainer(1);
    const steps: GrpoMetrics[] = [];
    const made = options("learns", trainer, { onStep: (metrics) => steps.push(metrics) });
    const outcome = await runGrpo({
      ...made,
      config: { ...made.config, steps: 24, checkpointEvery: 100, schedule: "constant" },
    });
    await trainer.close();
    expect(outcome).toMatchObject({ status: "done", step: 24 });
    const mean = (part: readonly GrpoMetrics[]) =>
      part.reduce((sum, { reward }) => sum + reward, 0) / part.length;
    expect(mean(steps.slice(-4))).toBeGreaterThan(1.5 * mean(steps.slice(0, 4)));
    // The start is where it begins, and it goes away from there.
    expect(steps[0]?.klToStart).toBeLessThan(1e-6);
    expect(steps.at(-1)?.klToStart).toBeGreaterThan(0.01);
    expect(steps.at(-1)?.klToStart).toBeLessThan(5);
    // What the engine sampled with is what the trainer computes.
    for (const { samplerGap } of steps) expect(samplerGap ?? 0).toBeLessThan(1e-4);
    const kept = readFileSync(join(folder, "learns", "rollouts.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
    expect(kept).toHaveLength(24);
  });

  it("continues after an interruption to the same curve and the same weights", async () => {
    const whole = await makeTrainer(2);
    const wholeSteps: unknown[] = [];
    await runGrpo(options("whole", whole, { onStep: (metrics) => wholeSteps.push(timeless(metrics)) }));

    const first = await makeTrainer(2);
    const stop = new AbortController();
    const halves: unknown[] = [];
    const onStep = (metrics: GrpoMetrics): void => {
      halves.push(timeless(metrics));
      if (metrics.step === 3) stop.abort();
    };
    const stopped = await runGrpo(options("halves", first, { onStep, signal: stop.signal }));
    expect(stopped).toMatchObject({ status: "interrupted", step: 3 });
    await first.close();

    // Other weights to begin with: all must come from the checkpoint.
    const second = await makeTrainer(3);
    const finished = await runGrpo(
      options("halves", second, { onStep: (metrics) => halves.push(timeless(metrics)) }),
    );
    expect(finished).toMatchObject({ status: "done", step: 4 });
    expect(halves).toEqual(wholeSteps);
    for (const [name, { data }] of whole.weights()) expect(second.weights().get(name)?.data).toEqual(data);
    const kept = (run: string) => readFileSync(join(folder, run, "rollouts.jsonl"), "utf8");
    expect(kept("halves")).toBe(kept("whole"));
    await whole.close();
    await second.close();
  });

  it("continues without divergences from the start where the trainer keeps no reference", async () => {
    const trainer = await makeTrainer(11);
    Object.defineProperty(trainer, "reference", { value: undefined });
    const steps: GrpoMetrics[] = [];
    await runGrpo(options("unreferenced", trainer, { onStep: (metrics) => steps.push(metrics) }));
    await trainer.close();
    expect(steps).toHaveLength(4);
    for (const metrics of steps) expect(metrics).not.toHaveProperty("klToStart");
  });

  it("loses no step that was done when it is stopped within a step or an evaluation", async () => {
    const evaluate = async () => ({ scores: { held: 0 }, score: 0 });
    const whole = await makeTrainer(8);
    const config = { ...options("", whole, {}).config, checkpointEvery: 100, evaluateEvery: 2 };
    await runGrpo({ ...options("undisturbed", whole, { evaluate }), config });
    const lines: string[] = [];
    const stopAt = async (name: string, seed: number, when: "rollouts" | "evaluation" | "never") => {
      const trainer = await makeTrainer(seed);
      const stop = new AbortController();
      const outcome = await runGrpo({
        ...options("disturbed", trainer, { signal: stop.signal }),
        config,
        problems: (step) => {
          if (when === "rollouts" && step === 1) stop.abort();
          return problems(step);
        },
        evaluate: async () => {
          if (when === "evaluation") stop.abort();
          stop.signal.throwIfAborted();
          return evaluate();
        },
      });
      lines.push(`${name} ${outcome.status} ${outcome.step}`);
      if (when === "never") {
        for (const [parameter, { data }] of whole.weights())
          expect(trainer.weights().get(parameter)?.data).toEqual(data);
      }
      await trainer.close();
    };
    await stopAt("within a step:", 8, "rollouts");
    await stopAt("within an evaluation:", 9, "evaluation");
    await stopAt("to the end:", 10, "never");
    await whole.close();
    expect(lines).toEqual([
      "within a step: interrupted 1",
      "within an evaluation: interrupted 2",
      "to the end: done 4",
    ]);
    const steps = (run: string) =>
      readFileSync(join(folder, run, "metrics.jsonl"), "utf8")
        .trimEnd()
        .split("\n")
        .slice(1)
        .map((line) => JSON.parse(line) as { type: string; step: number })
        .map(({ type, step }) => `${type} ${step}`);
    expect(steps("disturbed")).toEqual(steps("undisturbed"));
  });

  it("makes no step of rollouts whose policy was lost on the way", async () => {
    const trainer = await makeTrainer(12);
    let lost: TrainError | undefined;
    Object.defineProperty(trainer, "lost", { get: () => lost });
    const steps: number[] = [];
    const made = options("lost", trainer, {
      onStep: ({ step }) => steps.push(step),
      problems: (step) => {
        if (step === 1) lost = new TrainError("it is gone", { code: "trainer-lost" });
        return problems(step);
      },
    });
    await expect(runGrpo(made)).rejects.toThrow("it is gone");
    expect(steps).toEqual([1]);
    const records = readFileSync(join(folder, "lost", "metrics.jsonl"), "utf8");
    expect(records.trimEnd().split("\n")).toHaveLength(2);
    await trainer.close();
  });

  it("records rollouts that lost the big model as failed, and continues", async () => {
    const trainer = await makeTrainer(4);
    const steps: GrpoMetrics[] = [];
    const failing: Engine = {
      model: big.model,
      vocabulary: big.vocabulary,
      capabilities: big.capabilities,
      open: () => Promise.reject<Sequence>(new Error("it is away")),
      countTokens: (pieces) => big.countTokens(pieces),
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    // Asked for often enough that some of 24 rollouts do.
    const outcome = await runGrpo(
      options("failing", trainer, { big: failing, onStep: (metrics) => steps.push(metrics) }),
    );
    await trainer.close();
    expect(outcome.status).toBe("done");
    expect(steps.reduce((sum, { failed }) => sum + failed, 0)).toBeGreaterThan(0);
    expect(steps.every(({ bigTokens }) => bigTokens === 0)).toBe(true);
  });

  it("keeps the best policy by held-out score", async () => {
    const trainer = await makeTrainer(5);
    let score = 0;
    const scores = [0.1, 0.9, 0.3];
    const made = options("best", trainer, {
      evaluate: async () => ({ scores: { held: scores[score] ?? 0 }, score: scores[score++] ?? 0 }),
    });
    const outcome = await runGrpo({ ...made, config: { ...made.config, evaluateEvery: 2 } });
    await trainer.close();
    expect(outcome.best).toMatchObject({ step: 2, score: 0.9 });
    expect(readFileSync(join(folder, "best", "best", "model.gguf")).byteLength).toBeGreaterThan(10_000);
  });

  it("stops a run that collapses, with a word why", async () => {
    const trainer = await makeTrainer(6);
    // Paid ever less for the same: to the loop it looks as if all went wrong.
    let paid = 0;
    const worse: Reward = {
      name: "worse",
      rollouts: "pair",
      score: (groupG) => groupG.map((_, member) => ({ total: -0.02 * paid++ + member / 100, parts: {} })),
    };
    const made = options("collapse", trainer, { reward: worse });
    const config = (rewardDrop: number) => ({
      ...made.config,
      steps: 20,
      collapse: { ...made.config.collapse, window: 2, rewardDrop },
    });
    const outcome = await runGrpo({ ...made, config: config(0.5) });
    expect(outcome.status).toBe("collapsed");
    expect(outcome.reason).toMatch(/the mean reward of the last 2 steps/);
    expect(outcome.step).toBeLessThan(20);
    // A collapsed run does not continue by a step with each call. With another threshold it continues.
    expect(await runGrpo({ ...made, config: config(0.5) })).toEqual(outcome);
    const patient = await runGrpo({ ...made, config: config(1000) });
    await trainer.close();
    expect(patient).toMatchObject({ status: "done", step: 20 });
  });

  it("stops where it can continue when the big model is gone, and trains on nothing of that", async () => {
    const trainer = await makeTrainer(13);
    let isAway = false;
    const leaving: Engine = {
      model: big.model,
      vocabulary: big.vocabulary,
      capabilities: big.capabilities,
      open: (...call) => (isAway ? Promise.reject<Sequence>(new Error("it is away")) : big.open(...call)),
      countTokens: (pieces) => big.countTokens(pieces),
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const steps: GrpoMetrics[] = [];
    const notices: string[] = [];
    const made = options("leaving", trainer, {
      big: leaving,
      onStep: (metrics) => steps.push(metrics),
      onNotice: (text) => notices.push(text),
      problems: (step) => {
        isAway = step === 3;
        return problems(step);
      },
    });
    const config = {
      ...made.config,
      checkpointEvery: 100,
      // Some of 24 ask.
      outage: { mostFailed: 0, retrySeconds: [0, 0] },
    };
    await expect(runGrpo({ ...made, config })).rejects.toMatchObject({
      code: "engine-unavailable",
      message: expect.stringMatching(
        /of the rollouts of step 3 failed; the first: .*Given up after 3 attempts/,
      ),
    });
    expect(notices).toHaveLength(2);
    isAway = false;
    const after = await runGrpo({ ...made, config, problems });
    await trainer.close();
    expect(after).toMatchObject({ status: "done", step: 4 });
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  });

  it("judges no policy by rollouts that failed", async () => {
    const trainer = await makeTrainer(14);
    let calls = 0;
    const made = options("judged", trainer, {
      evaluate: async () => {
        const failed = calls++ === 0 ? 3 : 0;
        return { scores: {}, score: failed === 0 ? 1 : 0, failures: { failed, of: 10, reason: "away" } };
      },
    });
    const config = { ...made.config, steps: 1, outage: { mostFailed: 0.5, retrySeconds: [0] } };
    const outcome = await runGrpo({ ...made, config });
    await trainer.close();
    expect(outcome.best).toEqual({ step: 0, scores: {}, score: 1 });
    const metrics = readFileSync(join(folder, "judged", "metrics.jsonl"), "utf8");
    expect(metrics).not.toContain("failures");
  });

  it("takes nothing over from another run that was killed before its first checkpoint", async () => {
    const trainer = await makeTrainer(15);
    const evaluate = async () => ({ scores: { held: 0.9 }, score: 0.9 });
    const made = options("begun", trainer, { evaluate });
    const killed = { ...made, problems: () => expect.fail("killed") };
    await expect(runGrpo(killed)).rejects.toThrow("killed");
    await expect(runGrpo({ ...made, header: { identity: "another model", provenance: {} } })).rejects.toThrow(
      /holds a run with another configuration/,
    );
    // The same one continues, and is not judged twice.
    const outcome = await runGrpo({ ...made, evaluate: async () => ({ scores: { held: 0.1 }, score: 0.1 }) });
    await trainer.close();
    expect(outcome.best).toMatchObject({ step: 0, score: 0.9 });
  });

  it("says what is wrong when all rollouts were cut and cut ones are dropped", async () => {
    const trainer = await makeTrainer(16);
    const made = options("cut", trainer, {});
    await expect(
      runGrpo({ ...made, config: { ...made.config, maxTokens: 2, truncation: "drop" } }),
    ).rejects.toThrow(/all rollouts of step 0 were cut at maxTokens \(2\).*Raise --max-tokens/);
    await trainer.close();
  });
});
