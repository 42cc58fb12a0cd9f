/**
 * Rewards of reinforcement learning, by name: `paper`, `cost`, `relay`, `latency`. Several can be added up with weights. Not here: whether an
 * answer is right (the task's grader says so).
 */
import { z } from "zod";

import { ConfigError } from "../../../core/errors.ts";
import { firstFault } from "../../../core/schema-faults.ts";
import { costReward, costRewardSchema } from "./cost.ts";
import { latencyReward, latencyRewardSchema } from "./latency.ts";
import { paperReward, paperRewardSchema } from "./paper.ts";
import { relayReward, relayRewardSchema } from "./relay.ts";
import type { Reward, RewardResult } from "./reward.ts";

export type { ChoicePrices, Reward, RewardMoment, RewardResult, RolloutFacts } from "./reward.ts";
export { offloadShare } from "./reward.ts";

export const rewardConfigSchema = z.discriminatedUnion("name", [
  paperRewardSchema,
  costRewardSchema,
  relayRewardSchema,
  latencyRewardSchema,
]);

const weightedRewardSchema = z.strictObject({
  reward: rewardConfigSchema,
  weight: z.number().default(1),
});

const REWARD_NAMES = ["paper", "cost", "relay", "latency"] as const;

/**
 * A name, a configuration (`{"name": "cost", "budget": 0.03}`), or an array of `{reward, weight}`.
 * @throws ConfigError that lists the names there are; also when rewards are mixed that need different rollouts.
 */
export function parseReward(input: unknown): Reward {
  if (Array.isArray(input)) return combine(input.map((one) => parseWith(weightedRewardSchema, one)));
  const named = typeof input === "string" ? { name: input } : input;
  return create(parseWith(rewardConfigSchema, named));
}

function create(config: z.output<typeof rewardConfigSchema>): Reward {
  switch (config.name) {
    case "paper":
      return paperReward;
    case "cost":
      return costReward(config);
    case "relay":
      return relayReward(config);
    case "latency":
      return latencyReward(config);
    default:
      return config satisfies never;
  }
}

function combine(weighted: readonly z.output<typeof weightedRewardSchema>[]): Reward {
  const rewards = weighted.map(({ reward, weight }) => ({ reward: create(reward), weight }));
  const [first] = rewards;
  if (first === undefined) throw unknownReward([], "it is an empty list");
  const other = rewards.find(({ reward }) => reward.rollouts !== first.reward.rollouts);
  if (other !== undefined) {
    throw new ConfigError(
      `the rewards ${first.reward.name} and ${other.reward.name} need different rollouts (with the big model, and without): give one of them.`,
      { code: "config-invalid" },
    );
  }
  return {
    name: rewards.map(({ reward, weight }) => `${weight}*${reward.name}`).join("+"),
    rollouts: first.reward.rollouts,
    score: (groupG, moment) => {
      const scored = rewards.map(({ reward, weight }) => ({
        name: reward.name,
        weight,
        results: reward.score(groupG, moment),
      }));
      return groupG.map((_, member) => sum(scored, member));
    },
  };
}

function sum(
  scored: readonly {
    readonly name: string;
    readonly weight: number;
    readonly results: readonly RewardResult[];
  }[],
  member: number,
): RewardResult {
  const parts: Record<string, number> = {};
  let total = 0;
  let [openPrice, tokenPrice] = [0, 0];
  for (const { name, weight, results } of scored) {
    const result = results[member];
    if (result === undefined) throw new TypeError(`the reward ${name} scored too few rollouts`);
    for (const [part, value] of Object.entries(result.parts)) {
      const key = `${name}.${part}`;
      parts[key] = (parts[key] ?? 0) + weight * value;
    }
    total += weight * result.total;
    openPrice += weight * (result.openPrice ?? 0);
    tokenPrice += weight * (result.tokenPrice ?? 0);
  }
  return { total, parts, openPrice, tokenPrice };
}

function parseWith<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw unknownReward(input, firstFault(parsed.error, schema, input));
}

function unknownReward(input: unknown, what: string): ConfigError {
  return new ConfigError(
    `reward ${JSON.stringify(input)}: ${what}; rewards: ${REWARD_NAMES.join(", ")}, or a list of {"reward": {...}, "weight": x}.`,
    { code: "config-invalid" },
  );
}
