/** Updates of the policy model from one training step's rollouts: a forward pass, the loss as weights, a backward pass, AdamW. */
import type { AdamParameters, Trainer } from "../trainer.ts";
import type { TrainingItem } from "./batch.ts";
import type { LossConfig } from "./losses.ts";
import { choiceDatum, choiceLogprob, policyGradient } from "./policy-gradient.ts";
import type { Trajectory } from "./trajectory.ts";

export interface UpdateResult {
  /** Loss, summed over updates. */
  readonly cost: number;
  readonly gradientNorm: number;
  /** Share of choices that the loss clipped. */
  readonly clippedShare: number;
  /** Mean divergence over choices, from the policy model that sampled to the one before its update (nats). */
  readonly divergence: number;
  /** Largest difference (nats) between the log-probabilities of the engine and of the trainer. */
  readonly samplerGap: number;
}

/**
 * Updates the policy model. Ratios use the trainer's log-probabilities at the start of the step as those of sampling. The weights are the
 * same, but the last digits of an engine's log-probabilities depend on what else it decoded at that moment, and a run must not. The
 * difference is reported.
 * @param before Log-probabilities of each item's choice datum at the start of the step, from `forward`.
 * @param updates Number of parts that the items are cut into. Each part is seen once.
 */
export async function updatePolicy(
  trainer: Trainer,
  items: readonly TrainingItem[],
  before: readonly Float32Array[],
  loss: LossConfig,
  adam: AdamParameters,
  updates: number,
): Promise<UpdateResult> {
  const sampled = items.map(({ rollout: { trajectory } }, index) =>
    underPolicy(trajectory, before[index] ?? new Float32Array()),
  );
  let samplerGap = 0;
  for (const [index, { decisions }] of sampled.entries()) {
    const told = items[index]?.rollout.trajectory.decisions ?? [];
    for (const [at, { logprob }] of decisions.entries()) {
      samplerGap = Math.max(samplerGap, Math.abs(logprob - (told[at]?.logprob ?? NaN)));
    }
  }
  let [cost, clipped, divergence, choices, gradientNorm] = [0, 0, 0, 0, 0];
  const size = Math.ceil(items.length / updates);
  for (let start = 0; start < items.length; start += size) {
    const part = sampled.slice(start, start + size);
    const logprobs =
      start === 0
        ? before.slice(0, size)
        : (await trainer.forward(part.map((trajectory) => choiceDatum(trajectory)))).logprobs;
    const gradients = part.map((trajectory, index) =>
      // The items share one normaliser, so a part of them is scaled up to a whole.
      policyGradient(
        trajectory,
        logprobs[index] ?? new Float32Array(),
        (decision) => (items[start + index]?.advantage(decision) ?? 0) * (items.length / part.length),
        loss,
      ),
    );
    for (const [index, one] of gradients.entries()) {
      cost += one.cost;
      clipped += one.clipped;
      divergence += one.divergence;
      choices += part[index]?.decisions.length ?? 0;
    }
    await trainer.forwardBackward(
      gradients.map(({ datum }) => datum),
      "cross_entropy",
    );
    gradientNorm = Math.max(gradientNorm, (await trainer.optimStep(adam)).gradientNorm);
  }
  return {
    cost,
    gradientNorm,
    clippedShare: choices === 0 ? 0 : clipped / choices,
    divergence: choices === 0 ? 0 : divergence / choices,
    samplerGap,
  };
}

/** The same choices with the log-probabilities that the trainer computes. */
function underPolicy(trajectory: Trajectory, logprobs: Float32Array): Trajectory {
  return {
    tokens: trajectory.tokens,
    decisions: trajectory.decisions.map((decision) => ({
      ...decision,
      logprob: choiceLogprob(decision, logprobs[decision.position] ?? NaN),
    })),
  };
}
