/**
 * How far the policy has gone from the one that the run started with: k3 of Schulman (2020, "Approximating KL divergence"), r - 1 - log r with
 * r = start / policy, over choices that the policy sampled. Never negative, and right in the mean for KL(policy || start) where the rollouts are at temperature 1 and without
 * a bias; else it is that of other samples, good for comparing steps only.
 */
import { choiceLogprob } from "./policy-gradient.ts";
import type { Trajectory } from "./trajectory.ts";

/**
 * Log-ratios beyond this are taken for this: a choice that the policy has all but given up, drawn all the same, must not be the whole mean of a step's
 * thousands.
 */
const LARGEST_LOG_RATIO = 5;

export interface TargetLogprobs {
  readonly trajectory: Trajectory;
  /** Of the targets of its choice datum, length T: under the policy ... */
  readonly policy: Float32Array;
  /** ... and under the start. */
  readonly start: Float32Array;
}

/**
 * The mean over all choices (nats a choice), or undefined when there is none. Tokens, tags and the end of the turn count with their own
 * probabilities; reading on in the big model's segment is the other side of the close: a choice between two.
 */
export function divergenceFromStart(rollouts: readonly TargetLogprobs[]): number | undefined {
  let sum = 0;
  let choices = 0;
  for (const { trajectory, policy, start } of rollouts) {
    for (const decision of trajectory.decisions) {
      const before = choiceLogprob(decision, start[decision.position] ?? NaN);
      const now = choiceLogprob(decision, policy[decision.position] ?? NaN);
      sum += k3(before - now);
      choices++;
    }
  }
  return choices === 0 ? undefined : sum / choices;
}

/** @param logRatio log(start / policy) of what was sampled. */
export function k3(logRatio: number): number {
  const held = Math.min(logRatio, LARGEST_LOG_RATIO);
  return Math.expm1(held) - held;
}
