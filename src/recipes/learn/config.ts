/** How a pair learns: the settings of every stage. A JSON file may change any of them. */
import { z } from "zod";

import { loraConfigSchema } from "../../train/model/lora-config.ts";
import { GRAINS } from "../rollouts/grain.ts";

const positive = z.int().positive();
const share = z.number().min(0).max(1);
/** Settings that the stage's own schema checks. */
const passedOn = z.record(z.string(), z.unknown());

export const learnConfigSchema = z.strictObject({
  seed: z.int().nonnegative().default(1),
  /** Problems kept apart from a file: for the held-out score and the calibration. The rest is learned from. */
  heldOut: positive.default(300),
  /** Samples that are decoded together. */
  concurrency: positive.default(16),
  rollouts: z
    .strictObject({
      /** A policy that uses both models and needs no training, with its options. */
      policy: z.string().min(1).default("rewrite:step=clause"),
      problems: positive.default(1500),
      samples: positive.default(2),
      temperature: z.number().positive().default(0.6),
      grain: z.enum(GRAINS).default("word"),
      /** Most traces of a problem, those with the least help first. */
      keep: positive.default(1),
      /** Largest share of the big model in a trace. */
      maxShare: share.default(0.3),
    })
    .prefault({}),
  lora: loraConfigSchema.omit({ start: true, exports: true }).prefault({}),
  /** Settings of `train sft`. */
  sft: passedOn.default({ rows: 8, epochs: 2, spanWeight: 0, training: { learningRate: 2e-4 } }),
  /** Settings of `train grpo`. */
  grpo: passedOn.default({
    reward: { name: "cost", budget: 0.1, lambda: 0, tokenPrice: 0.02, rampShare: 0.2 },
    heldOut: 100,
    heldOutBudget: 0.15,
    grpo: { steps: 40, problems: 8, members: 8, maxTokens: 400, learningRate: 5e-5, checkpointEvery: 1 },
  }),
  calibration: z
    .strictObject({ problems: positive.default(100), targetShare: share.optional() })
    .prefault({}),
});

export type LearnConfig = z.output<typeof learnConfigSchema>;
export type LearnConfigInput = z.input<typeof learnConfigSchema>;

/** Settings for the shipped pair, whose traces are short and whose steps are sentences. The others have their defaults. */
export const MICRO_LEARNING: LearnConfigInput = {
  concurrency: 32,
  rollouts: { policy: "rewrite:step=sentence", problems: 3000, samples: 1 },
  sft: { rows: 8, epochs: 4, training: { learningRate: 2e-3, warmupSteps: 20, beta2: 0.99 } },
  grpo: {
    reward: { name: "cost", budget: 0.05, lambda: 0, tokenPrice: 0.05, rampShare: 0.2 },
    heldOut: 300,
    heldOutBudget: 0.05,
    grpo: {
      steps: 45,
      problems: 16,
      members: 8,
      learningRate: 2.5e-4,
      concurrency: 64,
      evaluateEvery: 15,
      checkpointEvery: 5,
    },
  },
  calibration: { problems: 300 },
};

/** A minute, for tests: the same stages, and a model that barely begins to learn. */
export const FAST_LEARNING: LearnConfigInput = {
  ...MICRO_LEARNING,
  heldOut: 20,
  rollouts: { ...MICRO_LEARNING.rollouts, problems: 24 },
  lora: { rank: 4, alpha: 8 },
  sft: {
    ...MICRO_LEARNING.sft,
    heldOut: 4,
    training: { steps: 8, learningRate: 2e-3, warmupSteps: 1, checkpointEvery: 2 },
  },
  grpo: {
    ...MICRO_LEARNING.grpo,
    heldOut: 4,
    grpo: {
      steps: 2,
      problems: 2,
      members: 4,
      maxTokens: 200,
      evaluateEvery: 2,
      checkpointEvery: 1,
      warmupSteps: 0,
    },
  },
  calibration: { problems: 10 },
};
