/** Updates of the policy from one step's rollouts: a forward pass, the loss as weights, a backward pass, AdamW. */
import type { AdamParameters, Trainer } from "../trainer.ts";
import type { TrainingItem } from "./batch.ts";
import type { LossConfig } from "./losses.ts";
import { choiceDatum, policyGradient } from "./policy-gradient.ts";

export interface UpdateResult {
  /** Summed over updates, as normalised. */
  readonly cost: number;
  readonly gradientNorm: number;
  /** Share of choices that the loss clipped. */
  readonly clippedShare: number;
  /** Mean over choices, from the policy that sampled to the one before its update (nats). */
  readonly divergence: number;
}

/** @param updates Parts that the items are cut into; each is seen once. */
export async function updatePolicy(
  trainer: Trainer,
  items: readonly TrainingItem[],
  loss: LossConfig,
  adam: AdamParameters,
  updates: number,
): Promise<UpdateResult> {
  let [cost, clipped, divergence, choices, gradientNorm] = [0, 0, 0, 0, 0];
  for (const part of parts(items, updates)) {
    const { logprobs } = await trainer.forward(
      part.map(({ rollout: { trajectory } }) => choiceDatum(trajectory)),
    );
    const gradients = part.map(({ rollout: { trajectory }, advantage }, index) =>
      // The items share one normaliser: a part of them is scaled up to a whole.
      policyGradient(
        trajectory,
        logprobs[index] ?? new Float32Array(),
        (decision) => advantage(decision) * (items.length / part.length),
        loss,
      ),
    );
    for (const [index, one] of gradients.entries()) {
      cost += one.cost;
      clipped += one.clipped;
      divergence += one.divergence;
      choices += part[index]?.rollout.trajectory.decisions.length ?? 0;
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
  };
}

function parts<T>(items: readonly T[], count: number): T[][] {
  const size = Math.ceil(items.length / count);
  const cut: T[][] = [];
  for (let start = 0; start < items.length; start += size) cut.push(items.slice(start, start + size));
  return cut;
}
