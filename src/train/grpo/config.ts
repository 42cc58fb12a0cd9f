/** What a run of reinforcement learning is, as data. */
import { z } from "zod";

import { optimiserFields } from "../optimiser.ts";
import { advantageConfigSchema } from "./advantages.ts";
import { choicesSchema, truncationSchema } from "./batch.ts";
import { lossConfigSchema } from "./losses.ts";

const positive = z.int().positive();

export const grpoConfigSchema = z.strictObject({
  steps: positive.default(100),
  seed: z.int().nonnegative().default(1),
  /** P: problems in a step. */
  problems: positive.default(16),
  /** G: rollouts of each (Paper 4: 14). */
  members: z.int().min(2).default(8),
  /** Longest output of a rollout, both models together. */
  maxTokens: positive.default(320),
  /** Rollouts in flight, over all samplers. */
  concurrency: positive.default(32),
  /** Copies of the policy that share the rollouts. A model too small for several threads of its own uses more cores so. */
  samplers: positive.default(1),
  advantage: advantageConfigSchema.default(advantageConfigSchema.parse({})),
  loss: lossConfigSchema.default(lossConfigSchema.parse({})),
  truncation: truncationSchema,
  /**
   * Which of its choices the policy is trained on. `tags`: where to ask, and where to read on or close; its words stay as they were. A rollout has fifty words
   * for each tag, so that with sparse rewards what the words happen to have in common drowns what the tags did.
   */
  choices: choicesSchema,
  /**
   * Of the rollouts. Choices are trained with their log-probabilities at 1: as far as the group's mean is the value of the place, that is the policy gradient at this
   * temperature, times it (softmax's gradients differ in a part that the baseline takes out). Lower, the words are nearer to those that are served, and less is explored:
   * a low temperature makes rare tags rarer (`exploration` helps against that).
   */
  temperature: z.number().positive().max(2).default(1),
  /** In rollouts, the longest segment of the big model: a policy that has not learnt to close it yet would let it write the rest. */
  maxSegmentTokens: positive.optional(),
  /**
   * In rollouts, nats on the open tag's logit, falling to 0 over a share of the steps: a policy that asks in the wrong places finds the right
   * ones. The choices are trained as if drawn without: asking where it pays is learnt faster, and what is learnt is the policy without bias.
   */
  exploration: z
    .strictObject({
      bias: z.number().min(0).max(20).default(0),
      share: z.number().min(0).max(1).default(0.5),
    })
    .default({ bias: 0, share: 0.5 }),
  /** Parts that the rollouts of a step are cut into, each followed by an update. */
  updates: positive.default(1),
  ...optimiserFields({ learningRate: 1e-4, warmupSteps: 5, finalShare: 0.05, weightDecay: 0 }),
  checkpointEvery: positive.default(10),
  evaluateEvery: positive.default(10),
  /** Rollouts of each step that are kept to be read. */
  keepRollouts: z.int().nonnegative().default(2),
  /** What is made again because a model was away, and how often (grpo/outage.ts). */
  outage: z
    .strictObject({
      /** A step is not made of rollouts of which a larger part failed. */
      mostFailed: z.number().min(0).lt(1).default(0.5),
      /** Before each repetition; then the run stops, and can go on. */
      retrySeconds: z.array(z.number().nonnegative()).max(100).default([10, 60, 300]),
    })
    .default({ mostFailed: 0.5, retrySeconds: [10, 60, 300] }),
  collapse: z
    .strictObject({
      /** Stop when the mean reward of `window` steps, at the prices of the first step, is below the first window's by more than this. */
      rewardDrop: z.number().positive().default(0.5),
      /** Stop when the big model's share stays above this for a window. */
      share: z.number().min(0).max(1).default(0.9),
      /** Stop when the policy's entropy (nats a token) has risen by more than this above the first window's: it writes noise. */
      entropyRise: z.number().positive().default(1),
      window: positive.default(10),
    })
    .default({ rewardDrop: 0.5, share: 0.9, entropyRise: 1, window: 10 }),
});

/** What the curve depends on: a run is continued under these only. What is watched and kept of it may change on the way. */
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

/** Nats that rollouts of a step (from 0) add to the open tag's logit. */
export function explorationBias({ exploration, steps }: GrpoConfig, step: number): number {
  const { bias, share } = exploration;
  return share === 0 ? 0 : bias * Math.max(0, 1 - step / (share * steps));
}

export type GrpoConfig = z.output<typeof grpoConfigSchema>;
