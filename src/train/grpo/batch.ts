/**
 * From rollouts to what the trainer is given: rewards by group, advantages by rollout, a price on each open tag. Groups in which all
 * rewards are equal teach nothing: they are left out, and counted. Truncated rollouts (length, context) are a stated choice.
 */
import { z } from "zod";

import { type AdvantageConfig, choiceScales, groupAdvantages } from "./advantages.ts";
import type { ChoicePrices, Reward, RewardMoment, RewardResult } from "./rewards/reward.ts";
import type { Rollout, RolloutGroup } from "./rollout.ts";
import type { Decision, DecisionKind } from "./trajectory.ts";

/**
 * `score`: a truncated rollout is scored like any other (it is wrong, and is taught so). `mask`: it counts for its group's mean and is not
 * trained on (DAPO's overlong filtering). `drop`: as if it had not been made.
 */
export const truncationSchema = z.enum(["score", "mask", "drop"]).default("score");
type Truncation = z.output<typeof truncationSchema>;

/** `all`: every choice of the policy. `tags`: the tags that it wrote, and reading on where it could have closed. */
export const choicesSchema = z.enum(["all", "tags"]).default("all");
type Choices = z.output<typeof choicesSchema>;

const TAG_KINDS: readonly DecisionKind[] = ["open", "close", "read-on"];

export interface ScoredRollout {
  readonly rollout: Rollout;
  readonly reward: RewardResult;
  /** The total reward at the prices of the first step. */
  readonly steadyReward: number;
  /** Undefined when it is not trained on. */
  readonly advantage: number | undefined;
}

export interface TrainingItem {
  readonly rollout: Rollout;
  /** Of each choice, normalisers folded in. */
  readonly advantage: (decision: Decision) => number;
}

export interface RolloutBatch {
  readonly scored: readonly ScoredRollout[];
  readonly items: readonly TrainingItem[];
  readonly groups: number;
  /** Without variance, or with fewer than two members. */
  readonly droppedGroups: number;
}

export interface BatchConfig {
  readonly advantage: AdvantageConfig;
  readonly truncation: Truncation;
  readonly choices: Choices;
}

export function assembleBatch(
  groups: readonly RolloutGroup[],
  reward: Reward,
  moment: RewardMoment,
  { advantage: config, truncation, choices }: BatchConfig,
): RolloutBatch {
  const scored: ScoredRollout[] = [];
  let droppedGroups = 0;
  for (const group of groups) {
    const rollouts =
      truncation === "drop" ? group.rollouts.filter((one) => !isTruncated(one)) : group.rollouts;
    const facts = rollouts.map((one) => one.facts);
    const rewards = reward.score(facts, moment);
    const steady = reward.score(facts, { ...moment, step: 0 });
    const advantages = groupAdvantages(
      rewards.map(({ total }) => total),
      config.scale,
    );
    if (advantages === undefined) droppedGroups++;
    for (const [index, rollout] of rollouts.entries()) {
      const one = rewards[index];
      const steadyReward = steady[index]?.total;
      if (one === undefined || steadyReward === undefined)
        throw new TypeError(`the reward ${reward.name} scored too few rollouts`);
      const left = truncation === "mask" && isTruncated(rollout);
      scored.push({
        rollout,
        reward: one,
        steadyReward,
        advantage: left ? undefined : advantages?.[index],
      });
    }
  }
  const isTrained = ({ kind }: Decision): boolean => choices === "all" || TAG_KINDS.includes(kind);
  const trained = scored.filter(
    ({ advantage, rollout }) => advantage !== undefined && rollout.trajectory.decisions.some(isTrained),
  );
  const scales = choiceScales(
    config,
    trained.map(({ rollout }) => rollout.trajectory.decisions.filter(isTrained).length),
  );
  const items = trained.map(({ rollout, reward: prices, advantage = 0 }, index): TrainingItem => {
    const scale = scales[index] ?? 0;
    return {
      rollout,
      advantage: (decision) => (isTrained(decision) ? scale * (advantage - priceOf(decision, prices)) : 0),
    };
  });
  return { scored, items, groups: groups.length, droppedGroups };
}

/** What a choice costs by itself: its tag, and the tokens that it lets be written. */
function priceOf(
  { kind, bigTokensAhead = 0 }: Decision,
  { openPrice = 0, tokenPrice = 0 }: ChoicePrices,
): number {
  return (kind === "open" ? openPrice : 0) + tokenPrice * bigTokensAhead;
}

export const isTruncated = ({ facts: { finish } }: Rollout): boolean =>
  finish === "length" || finish === "context-full";
