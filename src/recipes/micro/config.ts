/** Everything that decides what `micro build` makes: hashed into every file that it writes. */
import { z } from "zod";

import { parseQwen3Config, type Qwen3Config } from "../../train/model/config.ts";
import { type LoopConfig, loopConfigSchema } from "../../train/loop.ts";

const share = z.number().min(0).max(1);

const mixSchema = z.strictObject({
  /** Tokens in a row; the longest example fits. */
  rowLength: z.int().positive().default(352),
  /** Rows in a step. */
  rows: z.int().positive().default(8),
  /** Share of rows with drills only, in the first part of the training and in the rest of it. */
  drillRows: z.tuple([share, share]),
  /** Where the first part ends, as a share of the steps. */
  turn: share.default(0.75),
  /** Share of the drills that are products. */
  productDrills: share,
});

const modelSchema = z.strictObject({
  hiddenSize: z.int().positive(),
  layers: z.int().positive(),
  heads: z.int().positive(),
  intermediateSize: z.int().positive(),
  training: loopConfigSchema,
  mix: mixSchema,
});

export const microBuildSchema = z.strictObject({
  seed: z.int().nonnegative().default(1),
  small: modelSchema,
  big: modelSchema,
  annotation: z.strictObject({
    /** Training traces that the pair scores. */
    traces: z.int().positive(),
    share,
    minimumGap: z.number().nonnegative(),
  }),
  tuning: z.strictObject({
    training: loopConfigSchema,
    /** Traces in a step. */
    rows: z.int().positive().default(8),
    /** Loss weight of the tokens that the big model will write. */
    spanWeight: share.default(1),
  }),
  /** Validation problems on which the skills in the model cards are measured. */
  skillProblems: z.int().positive(),
});

export type MicroBuildConfig = z.output<typeof microBuildSchema>;
export type MicroModelConfig = MicroBuildConfig["small"];
export type MixConfig = z.output<typeof mixSchema>;

/** Longest sequence: a prompt, a trace of five steps, tags, and room to ramble. */
export const MAX_POSITIONS = 1024;

/** The shipped pair. */
export function fullBuild(seed: number): MicroBuildConfig {
  return microBuildSchema.parse({
    seed,
    small: {
      hiddenSize: 64,
      layers: 2,
      heads: 4,
      intermediateSize: 176,
      training: { steps: 6000, seed, learningRate: 4e-3, beta2: 0.99 },
      mix: { drillRows: [0.2, 0.1], productDrills: 0.3 },
    },
    big: {
      hiddenSize: 128,
      layers: 3,
      heads: 4,
      intermediateSize: 384,
      training: { steps: 8000, seed, learningRate: 2.5e-3, beta2: 0.99 },
      mix: { drillRows: [0.35, 0.16], productDrills: 0.85 },
    },
    annotation: { traces: 12_000, share: 0.06, minimumGap: 0.5 },
    tuning: { training: { steps: 4500, seed, learningRate: 2e-3, beta2: 0.99, warmupSteps: 20 } },
    skillProblems: 200,
  });
}

/** Five minutes, for tests: the same pipeline, models that have barely begun to learn. */
export function fastBuild(seed: number): MicroBuildConfig {
  const full = fullBuild(seed);
  const fewer = (training: LoopConfig, steps: number): LoopConfig => ({
    ...training,
    steps,
    warmupSteps: Math.min(training.warmupSteps, Math.ceil(steps / 5)),
    checkpointEvery: 50,
    evaluateEvery: 50,
  });
  return {
    ...full,
    small: { ...full.small, training: fewer(full.small.training, 120) },
    big: { ...full.big, training: fewer(full.big.training, 60) },
    annotation: { ...full.annotation, traces: 60 },
    tuning: { ...full.tuning, training: fewer(full.tuning.training, 40) },
    skillProblems: 4,
  };
}

export function qwen3Shape(model: MicroModelConfig, vocabularySize: number): Qwen3Config {
  return parseQwen3Config({
    vocabularySize,
    hiddenSize: model.hiddenSize,
    layers: model.layers,
    heads: model.heads,
    keyValueHeads: model.heads,
    headSize: model.hiddenSize / model.heads,
    intermediateSize: model.intermediateSize,
    maxPositions: MAX_POSITIONS,
  });
}
