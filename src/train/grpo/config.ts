/** Configuration of the reinforcement learning loop. */
import { z } from "zod";

import { optimiserFields } from "../optimiser.ts";
import { advantageConfigSchema } from "./advantages.ts";
import { choicesSchema, truncationSchema } from "./batch.ts";
import { lossConfigSchema } from "./losses.ts";

const positive = z.int().positive();

export const grpoConfigSchema = z.strictObject({
  steps: positive.default(100),
  seed: z.int().nonnegative().default(1),
  /** P: problems in a training step. */
  problems: positive.default(16),
  /** G: group size, the rollouts of each problem (Paper 4: 14). */
  members: z.int().min(2).default(8),
  /** Tokens of the longest output, both models together. */
  maxTokens: positive.default(320),
  /** Rollouts in flight, over all samplers. */
  concurrency: positive.default(32),
  /** Copies of the policy model that share the rollouts. Several copies of a small model use more cores than several threads of one. */
  samplers: positive.default(1),
  advantage: advantageConfigSchema.default(advantageConfigSchema.parse({})),
  loss: lossConfigSchema.default(lossConfigSchema.parse({})),
  truncation: truncationSchema,
  /**
   * Choices that are trained. `tags` trains where to ask, and where to close or read on; the words stay as they were. A rollout has about
   * fifty words for each tag. With sparse rewards, chance similarities of the words hide the effect of the tags.
   */
  choices: choicesSchema,
  /**
   * Sampling temperature. Gradients use log-probabilities at temperature 1, and so approximate this temperature's policy gradient up to a
   * constant factor. Lower values bring the rollouts nearer to what is served. They also explore less and make rare tags rarer;
   * `exploration` can make up for that.
   */
  temperature: z.number().positive().max(2).default(1),
  /**
   * Tokens of the big model's longest segment in rollouts. A policy model that has not learned to close a segment would otherwise let the
   * big model write the rest.
   */
  maxSegmentTokens: positive.optional(),
  /**
   * Bias on the open tag's logit in rollouts, in nats. It falls to 0 over a share of the steps. The policy model asks more often at first,
   * and finds the right places sooner. Choices are trained as if they had been drawn without the bias, so the policy model is the one
   * without bias.
   */
  exploration: z
    .strictObject({
      bias: z.number().min(0).max(20).default(0),
      share: z.number().min(0).max(1).default(0.5),
    })
    .default({ bias: 0, share: 0.5 }),
  /** Updates in a training step. Each takes one part of the rollouts. */
  updates: positive.default(1),
  ...optimiserFields({ learningRate: 1e-4, warmupSteps: 5, finalShare: 0.05, weightDecay: 0 }),
  checkpointEvery: positive.default(10),
  evaluateEvery: positive.default(10),
  /** Rollouts of each training step that are kept for people to read. */
  keepRollouts: z.int().nonnegative().default(2),
  /** Repetition of rollouts while a model is unavailable (outage.ts). */
  outage: z
    .strictObject({
      /** Largest part of the rollouts that may fail. Above it, the rollouts are made again. */
      mostFailed: z.number().min(0).lt(1).default(0.5),
      /** Waiting times before each repetition. After the last one the run stops, and can be resumed. */
      retrySeconds: z.array(z.number().nonnegative()).max(100).default([10, 60, 300]),
    })
    .default({ mostFailed: 0.5, retrySeconds: [10, 60, 300] }),
  collapse: z
    .strictObject({
      /** Largest drop of the mean reward, at the first step's prices, from the first window of steps to the last. */
      rewardDrop: z.number().positive().default(0.5),
      /** Largest share of the big model. The run stops when the share stays above it for a whole window. */
      share: z.number().min(0).max(1).default(0.9),
      /** Largest rise of the policy model's entropy (nats a token) over the first window's. Above it, the model writes noise. */
      entropyRise: z.number().positive().default(1),
      window: positive.default(10),
    })
    .default({ rewardDrop: 0.5, share: 0.9, entropyRise: 1, window: 10 }),
});

/** The settings that the learning curve depends on. A run is resumed only with the same ones. What is watched or kept may change. */
export function fixedGrpoConfig(config: GrpoConfig): Partial<GrpoConfig> {
  const {
    collapse: _collapse,
    outage: _outage,
    keepRollouts: _kept,
    checkpointEvery: _checkpoints,
    ...fixed
  } = config;
  return fixed;
}

/** Bias on the open tag's logit in a training step, in nats. Steps count from 0. */
export function explorationBias({ exploration, steps }: GrpoConfig, step: number): number {
  const { bias, share } = exploration;
  return share === 0 ? 0 : bias * Math.max(0, 1 - step / (share * steps));
}

export type GrpoConfig = z.output<typeof grpoConfigSchema>;
