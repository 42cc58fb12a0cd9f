/** The configuration of `micro build`. Its hash is in every file that the build writes. */
import { z } from "zod";

import { parseDecoderConfig, type DecoderConfig } from "../../train/model/config.ts";
import { grpoConfigSchema } from "../../train/grpo/config.ts";
import { type LoopConfig, loopConfigSchema } from "../../train/supervised/loop.ts";
import { spanJitterSchema } from "../../train/supervised/span-jitter.ts";

const share = z.number().min(0).max(1);

const mixSchema = z.strictObject({
  /** Tokens in a row; the longest example fits. */
  rowLength: z.int().positive().default(352),
  /** Rows in a step. */
  rows: z.int().positive().default(8),
  /** Share of rows with drills only, in the first part of the training and in the rest of it. */
  drillRows: z.tuple([share, share]),
  /** End of the first part, as a share of the steps. */
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

/** The way from the pair before tuning to a small model that offloads: annotation, fine-tuning, reinforcement learning. */
const microLearnSchema = z.strictObject({
  seed: z.int().nonnegative().default(1),
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
    /** Moves of the spans, so that reinforcement learning has something to explore. */
    jitter: spanJitterSchema.default(spanJitterSchema.parse({})),
  }),
  reinforcement: z.strictObject({
    reward: z.unknown(),
    /** Problems of the validation split. */
    heldOut: z.int().positive().default(200),
    heldOutSharePrice: z.number().nonnegative().default(1),
    heldOutBudget: z.number().min(0).max(1).default(1),
    grpo: grpoConfigSchema,
  }),
});

const microBuildSchema = z.strictObject({
  seed: z.int().nonnegative().default(1),
  small: modelSchema,
  big: modelSchema,
  /** Validation problems on which the skills in the model cards are measured. */
  skillProblems: z.int().positive(),
  learning: microLearnSchema,
});

export type MicroLearnConfig = z.output<typeof microLearnSchema>;
export type MicroBuildConfig = z.output<typeof microBuildSchema>;
export type MicroModelConfig = MicroBuildConfig["small"];

/** Longest sequence: a prompt, a trace of five steps, tags, and room to ramble. */
const MAX_POSITIONS = 1024;

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
    skillProblems: 200,
    learning: fullLearning(seed),
  });
}

/** How the shipped small model learns to offload. */
export function fullLearning(seed: number): MicroLearnConfig {
  return microLearnSchema.parse({
    seed,
    annotation: { traces: 6000, share: 0.06, minimumGap: 0.5 },
    tuning: {
      training: { steps: 3000, seed, learningRate: 2e-3, beta2: 0.99, warmupSteps: 20 },
      jitter: { start: 0.3, end: 0.3, drop: 0.1, add: 0.1 },
    },
    reinforcement: {
      // The budget of the paper's headline; each token of the big model is priced where it is asked for.
      reward: { name: "cost", budget: 0.05, lambda: 0, tokenPrice: 0.05, rampShare: 0.2 },
      heldOut: 300,
      heldOutBudget: 0.05,
      grpo: {
        seed,
        steps: 45,
        problems: 16,
        members: 8,
        learningRate: 2.5e-4,
        samplers: 2,
        concurrency: 64,
        evaluateEvery: 15,
        checkpointEvery: 5,
      },
    },
  });
}

/** Five minutes, for tests: the same pipeline, models that have barely begun to learn. */
export function fastBuild(seed: number): MicroBuildConfig {
  const full = fullBuild(seed);
  return {
    ...full,
    small: { ...full.small, training: fewer(full.small.training, 120) },
    big: { ...full.big, training: fewer(full.big.training, 60) },
    skillProblems: 4,
    learning: fastLearning(seed),
  };
}

export function fastLearning(seed: number): MicroLearnConfig {
  const full = fullLearning(seed);
  const { annotation, tuning, reinforcement } = full;
  return {
    ...full,
    annotation: { ...annotation, traces: 60 },
    tuning: { ...tuning, training: fewer(tuning.training, 40) },
    reinforcement: {
      ...reinforcement,
      heldOut: 8,
      grpo: {
        ...reinforcement.grpo,
        steps: 2,
        problems: 2,
        members: 4,
        checkpointEvery: 1,
        evaluateEvery: 2,
      },
    },
  };
}

const fewer = (training: LoopConfig, steps: number): LoopConfig => ({
  ...training,
  steps,
  warmupSteps: Math.min(training.warmupSteps, Math.ceil(steps / 5)),
  checkpointEvery: 50,
  evaluateEvery: 50,
});

export function decoderShape(model: MicroModelConfig, vocabularySize: number): DecoderConfig {
  return parseDecoderConfig({
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
