/**
 * The loop of `train pretrain` and `train sft`: steps, schedule, metrics, checkpoints, resuming. The batch of a training step is a pure
 * function of the step, and checkpoints hold everything else. So a run that was stopped anywhere continues to the same curve and the same
 * weights.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { type Clock, systemClock } from "../../core/clock.ts";
import { TrainError } from "../../core/errors.ts";
import { lockRun } from "../../core/run-lock.ts";
import { learningRateAt, optimiserFields } from "../optimiser.ts";
import { RunFolder } from "../run-folder.ts";
import type { Datum, Trainer } from "../trainer.ts";

export const loopConfigSchema = z.strictObject({
  steps: z.int().positive(),
  seed: z.int().nonnegative().default(1),
  ...optimiserFields({ learningRate: 1e-3, warmupSteps: 100, finalShare: 0.03, weightDecay: 0.01 }),
  logEvery: z.int().positive().default(10),
  checkpointEvery: z.int().positive().default(500),
  evaluateEvery: z.int().positive().default(500),
});

export type LoopConfig = z.output<typeof loopConfigSchema>;

/** Record of a training step. `loss` is the mean over the batch's weights, in nats a token. */
export interface StepMetrics {
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly tokens: number;
  /** Mean speed since this process started. */
  readonly tokensPerSecond: number;
  readonly secondsLeft: number;
}

export interface Evaluation {
  readonly step: number;
  readonly scores: Readonly<Record<string, number>>;
}

export interface LoopOptions {
  readonly config: LoopConfig;
  readonly trainer: Trainer;
  /** The batch of a training step. It must depend on nothing but the step. */
  readonly batch: (step: number) => readonly Datum[];
  /** Folder of metrics and checkpoints. A run found here is continued. */
  readonly folder: string;
  /** Further facts of the run, for the metrics' header: model and data (`identity`, equal to resume), and the code (`provenance`). */
  readonly header: { readonly identity: unknown; readonly provenance: unknown };
  readonly evaluate?: () => Promise<Readonly<Record<string, number>>>;
  readonly onStep?: (metrics: StepMetrics) => void;
  readonly onEvaluation?: (evaluation: Evaluation) => void;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface LoopOutcome {
  readonly status: "done" | "interrupted";
  /** Training steps that the weights have seen. */
  readonly step: number;
  readonly lastLoss: number | undefined;
  readonly lastEvaluation: Evaluation | undefined;
}

/**
 * Runs to the end, or to the training step after the signal. The checkpoint of that step is on disk when this returns.
 * @throws TrainError `train-diverged` when the loss is no longer a number. The last checkpoint stays.
 */
export async function runSupervised(options: LoopOptions): Promise<LoopOutcome> {
  const { config, trainer, clock = systemClock } = options;
  const stopped = (): boolean => options.signal?.aborted === true;
  await mkdir(options.folder, { recursive: true });
  using _lock = lockRun(join(options.folder, "run.lock"));
  const run = await RunFolder.open(options.folder, { config, ...options.header }, clock);
  let step = run.step;
  if (step > 0) await trainer.load(join(options.folder, run.checkpoint));
  const startedMs = clock.nowMs();
  const startedStep = step;
  let tokens = 0;
  let lastLoss: number | undefined;
  let lastEvaluation: Evaluation | undefined;

  while (step < config.steps && !stopped()) {
    const data = normalised(options.batch(step));
    const learningRate = learningRateAt(config, step);
    const result = await trainer.trainStep(data, "cross_entropy", { ...config, learningRate });
    if (!Number.isFinite(result.lossSum) || !Number.isFinite(result.gradientNorm)) {
      throw new TrainError(
        `the loss of step ${step} is ${result.lossSum} (gradient norm ${result.gradientNorm}). The checkpoint of step ${run.step} is kept; ` +
          `lower learningRate (now ${config.learningRate}) or lengthen warmupSteps (now ${config.warmupSteps}).`,
        { code: "train-diverged" },
      );
    }
    step++;
    lastLoss = result.lossSum;
    const batchTokens = data.reduce((sum, datum) => sum + datum.tokens.length, 0);
    tokens += batchTokens;
    const seconds = (clock.nowMs() - startedMs) / 1000;
    const metrics: StepMetrics = {
      step,
      loss: result.lossSum,
      gradientNorm: result.gradientNorm,
      learningRate,
      tokens: batchTokens,
      tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
      secondsLeft: (seconds / (step - startedStep)) * (config.steps - step),
    };
    options.onStep?.(metrics);
    const last = step === config.steps;
    if (step % config.logEvery === 0 || last) await run.log({ type: "step", ...metrics });
    if (options.evaluate !== undefined && (step % config.evaluateEvery === 0 || last)) {
      lastEvaluation = { step, scores: await options.evaluate() };
      options.onEvaluation?.(lastEvaluation);
      await run.log({ type: "evaluation", ...lastEvaluation });
    }
    if (step % config.checkpointEvery === 0 || last || stopped()) {
      await run.save(step, (folder) => trainer.save(folder));
    }
  }
  return { status: step < config.steps ? "interrupted" : "done", step, lastLoss, lastEvaluation };
}

/** Scales the weights so that the loss is a mean. Then the learning rate does not depend on the number of targets. */
function normalised(data: readonly Datum[]): Datum[] {
  const total = data.reduce(
    (sum, { weights }) => sum + weights.reduce((inner, weight) => inner + weight, 0),
    0,
  );
  if (total <= 0) {
    throw new TrainError("a batch has no target to learn: all of its weights are 0.", {
      code: "train-invalid",
    });
  }
  return data.map((datum) => ({ ...datum, weights: datum.weights.map((weight) => weight / total) }));
}
