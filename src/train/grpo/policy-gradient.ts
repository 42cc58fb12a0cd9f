/**
 * Policy-gradient data for a trainer that knows only `cross_entropy`: each choice becomes one target with weight -dC/dlogp. Reading on in a
 * segment of the big model is the choice *not* to close. Its log-probability is log(1 - p), so the weight of the close tag is +dC/dlogp * p
 * / (1 - p).
 */
import type { Datum } from "../trainer.ts";
import { type ChoiceLoss, choiceLoss, type LossConfig } from "./losses.ts";
import { type Decision, logComplement, type Trajectory } from "./trajectory.ts";

/** Datum that asks `forward` for the log-probabilities of all choices: each choice is a target of weight 1, and all other weights are 0. */
export function choiceDatum({ tokens, decisions }: Trajectory): Datum {
  const last = decisions.at(-1);
  const length = Math.max(tokens.length - 1, last === undefined ? 0 : last.position + 1);
  const inputs = tokens.slice(0, length);
  const targets = inputs.map((own, index) => tokens[index + 1] ?? own);
  const weights = inputs.map(() => 0);
  for (const { position, target } of decisions) {
    targets[position] = target;
    weights[position] = 1;
  }
  return { tokens: inputs, targets, weights };
}

/** Log-probability of a choice (nats), from the log-probability of its target. */
export function choiceLogprob({ kind }: Decision, targetLogprob: number): number {
  return kind === "read-on" ? logComplement(targetLogprob) : targetLogprob;
}

export interface PolicyGradient {
  readonly datum: Datum;
  readonly cost: number;
  readonly clipped: number;
  /**
   * Estimated divergence between the policy model that sampled and the current one, never negative: the sum over choices of exp(d) - 1 - d,
   * where d = behaviour - current.
   */
  readonly divergence: number;
}

/**
 * @param logprobs Log-probabilities of the targets of {@link choiceDatum} under the policy model being trained, length T.
 * @param advantage Advantage of each choice, in the order of `decisions`; it includes the normaliser.
 */
export function policyGradient(
  trajectory: Trajectory,
  logprobs: Float32Array,
  advantage: (decision: Decision, index: number) => number,
  loss: LossConfig,
): PolicyGradient {
  const datum = choiceDatum(trajectory);
  const weights = datum.tokens.map(() => 0);
  let cost = 0;
  let clipped = 0;
  let divergence = 0;
  for (const [index, decision] of trajectory.decisions.entries()) {
    const targetLogprob = logprobs[decision.position] ?? NaN;
    const current = choiceLogprob(decision, targetLogprob);
    const one: ChoiceLoss = choiceLoss(loss, current, decision.logprob, advantage(decision, index));
    cost += one.cost;
    clipped += one.clipped ? 1 : 0;
    const difference = decision.logprob - current;
    divergence += Math.expm1(Math.min(difference, 20)) - difference;
    // d log(1 - p) / d log p = -p / (1 - p).
    const inner = decision.kind === "read-on" ? -Math.exp(Math.min(targetLogprob - current, 20)) : 1;
    weights[decision.position] = -one.derivative * inner;
  }
  return { datum: { ...datum, weights }, cost, clipped, divergence };
}
