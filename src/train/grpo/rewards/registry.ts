/**
 * The rewards there are, by name, and sums of them with weights. Whether an answer is right is not decided here: the task's grader says so. `recipes/`
 * and the command line call this.
 */
import { z } from "zod";

import { ConfigError } from "../../../core/errors.ts";
import { firstFault } from "../../../core/schema-faults.ts";
import { cost } from "./cost.ts";
import { latency } from "./latency.ts";
import { paper } from "./paper.ts";
import { relay } from "./relay.ts";
import type { Reward, RewardKind, RewardResult } from "./reward.ts";

export const REWARDS: readonly RewardKind[] = [
  // In the order in which help lists them.
  paper,
  cost,
  relay,
  latency,
];

/** Names of the rewards that `--budget` applies to. */
export const REWARDS_WITH_BUDGET: readonly string[] = REWARDS.filter(
  ({ schema }) => "budget" in schema.shape,
).map(({ name }) => name);

const weightedSchema = z.strictObject({ reward: z.unknown(), weight: z.number().default(1) });

/**
 * Makes the reward that a configuration names.
 * @param input A name, a configuration (`{"name": "cost", "budget": 0.03}`), or an array of `{reward, weight}`.
 * @throws ConfigError that lists the names there are; also for a sum of rewards that need different rollouts.
 */
export function parseReward(input: unknown): Reward {
  if (Array.isArray(input)) return combine(input.map((one) => parseWith(weightedSchema, one)));
  return createReward(typeof input === "string" ? { name: input } : input);
}

function createReward(config: unknown): Reward {
  const { name } = parseWith(z.looseObject({ name: z.string() }), config);
  const kind = REWARDS.find((one) => one.name === name);
  if (kind === undefined) throw unusable(config, "there is no such reward");
  return kind.create(parseWith(kind.schema, config));
}

function combine(weighted: readonly z.output<typeof weightedSchema>[]): Reward {
  const rewards = weighted.map(({ reward, weight }) => ({ reward: createReward(reward), weight }));
  const [first] = rewards;
  if (first === undefined) throw unusable([], "it is an empty list");
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
      return groupG.map((_, rollout) => sum(scored, rollout));
    },
  };
}

function sum(
  scored: readonly {
    readonly name: string;
    readonly weight: number;
    readonly results: readonly RewardResult[];
  }[],
  rollout: number,
): RewardResult {
  const parts: Record<string, number> = {};
  let total = 0;
  let [openPrice, tokenPrice] = [0, 0];
  for (const { name, weight, results } of scored) {
    const result = results[rollout];
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
  throw unusable(input, firstFault(parsed.error, schema, input));
}

function unusable(input: unknown, what: string): ConfigError {
  return new ConfigError(
    `reward ${JSON.stringify(input)}: ${what}; rewards: ${REWARDS.map(({ name }) => name).join(", ")}, or a list of {"reward": {...}, "weight": x}.`,
    { code: "config-invalid" },
  );
}
