/**
 * Divergence of the policy model from the reference policy, the model at the start of the run. It is k3 of Schulman (2020, "Approximating
 * KL divergence"): r - 1 - log r, where r = start / policy model. The mean is taken over choices that the policy model sampled. It is never
 * negative. Its expectation is KL(policy model || start) if the rollouts were sampled at temperature 1 without a bias. Otherwise it only
 * compares steps with each other.
 */
import { choiceLogprob } from "./policy-gradient.ts";
import type { Trajectory } from "./trajectory.ts";

/**
 * Largest log-ratio; larger ones are cut to it. One choice that the policy model has all but given up must not dominate the mean of
 * thousands.
 */
const LARGEST_LOG_RATIO = 5;

export interface TargetLogprobs {
  readonly trajectory: Trajectory;
  /** Log-probabilities of the choice datum's targets under the policy model, length T. */
  readonly current: Float32Array;
  /** The same under the reference policy. */
  readonly reference: Float32Array;
}

/**
 * Mean divergence over all choices (nats a choice), or undefined without choices. Tokens, tags and the end of the turn count with their own
 * probabilities. Reading on in a segment of the big model counts as the alternative to closing.
 */
export function divergenceFromReference(rollouts: readonly TargetLogprobs[]): number | undefined {
  let sum = 0;
  let choices = 0;
  for (const { trajectory, current, reference } of rollouts) {
    for (const decision of trajectory.decisions) {
      const before = choiceLogprob(decision, reference[decision.position] ?? NaN);
      const now = choiceLogprob(decision, current[decision.position] ?? NaN);
      sum += k3(before - now);
      choices++;
    }
  }
  return choices === 0 ? undefined : sum / choices;
}

/** @param logRatio log(start / policy model) of a sampled choice. */
export function k3(logRatio: number): number {
  const held = Math.min(logRatio, LARGEST_LOG_RATIO);
  return Math.expm1(held) - held;
}
