/**
 * Policy-gradient data for a trainer that knows `cross_entropy`: each choice becomes one target with weight -dC/dlogp. Reading on in
 * the big model's segment is the choice *not* to close: its log-probability is log(1 - p), so the weight on the close tag is +dC/dlogp * p / (1 - p).
 */
import type { Datum } from "../trainer.ts";
import { type ChoiceLoss, choiceLoss, type LossConfig } from "./losses.ts";
import { type Decision, logComplement, type Trajectory } from "./trajectory.ts";

/** Targets where there are choices; every weight 1 there and 0 elsewhere: what `forward` needs. */
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

/** Of a choice (nats), from the log-probability of its target. */
export function choiceLogprob({ kind }: Decision, targetLogprob: number): number {
  return kind === "read-on" ? logComplement(targetLogprob) : targetLogprob;
}

export interface PolicyGradient {
  readonly datum: Datum;
  readonly cost: number;
  readonly clipped: number;
  /** Sum over choices of exp(d) - 1 - d with d = behaviour - current: an estimate of the divergence between the two that is never negative. */
  readonly divergence: number;
}

/**
 * @param logprobs Of the targets of {@link choiceDatum}, under the policy being trained: length T.
 * @param advantage Of each choice, normalisers folded in; in the order of `decisions`.
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
