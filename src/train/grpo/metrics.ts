/** Figures of a training step's rollouts. */
import { isTruncated, type RolloutBatch, type ScoredRollout } from "./batch.ts";
import { offloadShare } from "./rewards/reward.ts";
import type { RolloutGroup } from "./rollout.ts";
import type { DecisionKind } from "./trajectory.ts";

export interface RolloutMetrics {
  readonly reward: number;
  /** Mean reward at the prices of the first step. It can be compared between steps. */
  readonly steadyReward: number;
  /** Means of the reward's parts, by name. */
  readonly parts: Readonly<Record<string, number>>;
  readonly accuracy: number;
  /** The big model's share of all tokens generated in the step. */
  readonly share: number;
  readonly opensPerRollout: number;
  /** Mean log-probability of the open tags that were sampled (nats); undefined when there was none. */
  readonly openLogprob: number | undefined;
  /** Entropy of the policy model, as sampled: the mean of -log-probability over its tokens (nats a token). */
  readonly entropy: number;
  readonly policyTokens: number;
  readonly bigTokens: number;
  /** Truncated rollouts among all that were made, trained on or not. */
  readonly truncated: number;
  readonly failed: number;
  /** Reason of the first failure. */
  readonly failure?: string;
  readonly groups: number;
  readonly droppedGroups: number;
}

export function rolloutMetrics(groups: readonly RolloutGroup[], batch: RolloutBatch): RolloutMetrics {
  const { scored } = batch;
  const facts = scored.map(({ rollout }) => rollout.facts);
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const mean = (values: readonly number[]): number => (values.length === 0 ? 0 : sum(values) / values.length);
  const opens = logprobsOf(scored, "open");
  const failures = groups.flatMap(({ failed }) => failed);
  const policyTokens = sum(facts.map(({ smallTokens }) => smallTokens));
  const bigTokens = sum(facts.map((one) => one.bigTokens));
  return {
    reward: mean(scored.map(({ reward }) => reward.total)),
    steadyReward: mean(scored.map(({ steadyReward }) => steadyReward)),
    parts: meanParts(scored),
    accuracy: mean(facts.map(({ correct }) => (correct ? 1 : 0))),
    share: offloadShare({ ...EMPTY, smallTokens: policyTokens, bigTokens }),
    opensPerRollout: mean(facts.map((one) => one.opens)),
    openLogprob: opens.length === 0 ? undefined : mean(opens),
    entropy: -mean(logprobsOf(scored, "token")),
    policyTokens,
    bigTokens,
    truncated: groups.flatMap(({ rollouts }) => rollouts).filter(isTruncated).length,
    failed: failures.length,
    ...(failures[0] === undefined ? {} : { failure: failures[0].error }),
    groups: batch.groups,
    droppedGroups: batch.droppedGroups,
  };
}

const EMPTY = {
  correct: false,
  taggedText: "",
  finish: "end-of-turn",
  opens: 0,
  discardedTokens: 0,
} as const;

function logprobsOf(scored: readonly ScoredRollout[], kind: DecisionKind): number[] {
  return scored.flatMap(({ rollout }) =>
    rollout.trajectory.decisions.filter((decision) => decision.kind === kind).map(({ logprob }) => logprob),
  );
}

function meanParts(scored: readonly ScoredRollout[]): Record<string, number> {
  const parts: Record<string, number> = {};
  for (const { reward } of scored) {
    for (const [name, value] of Object.entries(reward.parts)) {
      parts[name] = (parts[name] ?? 0) + value / scored.length;
    }
  }
  return parts;
}
