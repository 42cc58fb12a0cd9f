/**
 * Turns rollouts into what the trainer is given: rewards by group, advantages by rollout, prices of single choices. Groups whose rewards
 * are all equal teach nothing: they are left out, and counted. The configuration says what becomes of truncated rollouts.
 */
import { z } from "zod";

import { type AdvantageConfig, choiceScales, groupAdvantages } from "./advantages.ts";
import type { ChoicePrices, Reward, RewardMoment, RewardResult } from "./rewards/reward.ts";
import type { Rollout, RolloutGroup } from "./rollout.ts";
import type { Decision, DecisionKind } from "./trajectory.ts";

/**
 * Treatment of rollouts that were cut off (length, context). `score`: they are scored like any other, so they are usually wrong. `mask`:
 * they count for their group's mean and are not trained on (DAPO's overlong filtering). `drop`: they are left out altogether.
 */
export const truncationSchema = z.enum(["score", "mask", "drop"]).default("score");
type Truncation = z.output<typeof truncationSchema>;

/**
 * Choices that are trained. `all`: every choice of the policy model. `tags`: the tags that it wrote, and reading on where it could have
 * closed.
 */
export const choicesSchema = z.enum(["all", "tags"]).default("all");
type Choices = z.output<typeof choicesSchema>;

const TAG_KINDS: readonly DecisionKind[] = ["open", "close", "read-on"];

export interface ScoredRollout {
  readonly rollout: Rollout;
  readonly reward: RewardResult;
  /** Total reward at the prices of the first step. */
  readonly steadyReward: number;
  /** Undefined for a rollout that is not trained on. */
  readonly advantage: number | undefined;
}

export interface TrainingItem {
  readonly rollout: Rollout;
  /** Advantage of a choice, divided by the normaliser. */
  readonly advantage: (decision: Decision) => number;
}

export interface RolloutBatch {
  readonly scored: readonly ScoredRollout[];
  readonly items: readonly TrainingItem[];
  readonly groups: number;
  /** Groups without variance, or with fewer than two rollouts. */
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

/** Price of a single choice: its tag, and the tokens of the big model that it led to. */
function priceOf(
  { kind, bigTokensAhead = 0 }: Decision,
  { openPrice = 0, tokenPrice = 0 }: ChoicePrices,
): number {
  return (kind === "open" ? openPrice : 0) + tokenPrice * bigTokensAhead;
}

export const isTruncated = ({ facts: { finish } }: Rollout): boolean =>
  finish === "length" || finish === "context-full";
