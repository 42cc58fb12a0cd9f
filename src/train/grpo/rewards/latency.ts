/**
 * Being right, less the seconds that the rollout would take under measured speeds of the two models: the cost itself rather than a stand-in
 * for it. Both prefills run beside the other model's decoding (docs/decoding.md), so what is paid for is decoding, and the part of a
 * chunk that is read at each change of hands. What the big model decoded behind a close is not: how much that is depends on who was faster just then, and a
 * reward must not.
 */
import { z } from "zod";

import { fromParts, type Reward, type RolloutFacts } from "./reward.ts";

const speed = z.number().positive();

export const latencyRewardSchema = z.strictObject({
  name: z.literal("latency"),
  /** Tokens per second. Defaults: what the paper assumes (A6000s, 4,096 tokens of context; Paper 4). */
  profile: z
    .strictObject({
      small: z.strictObject({ prefill: speed, decode: speed }),
      big: z.strictObject({ prefill: speed, decode: speed }),
    })
    .default({
      small: { prefill: 28_721, decode: 145 },
      big: { prefill: 3_045, decode: 16.4 },
    }),
  /** Taken off for each second beyond those of the small model alone. */
  pricePerSecond: z.number().nonnegative().default(0.1),
  /** Tokens left to read when hands change (half a chunk of the streaming prefill). */
  unreadTokens: z.number().nonnegative().default(32),
});

export type LatencyRewardConfig = z.output<typeof latencyRewardSchema>;

/** Seconds beyond what the small model would have taken to write as many tokens. */
export function extraSeconds(facts: RolloutFacts, config: LatencyRewardConfig): number {
  const { small, big } = config.profile;
  const handoffs = facts.opens * config.unreadTokens * (1 / big.prefill + 1 / small.prefill);
  const decoding = facts.bigTokens * (1 / big.decode - 1 / small.decode);
  return handoffs + decoding;
}

export function latencyReward(config: LatencyRewardConfig): Reward {
  return {
    name: "latency",
    rollouts: "pair",
    score: (groupG) =>
      groupG.map((facts) =>
        fromParts({
          correct: facts.correct ? 1 : 0,
          latency: -config.pricePerSecond * extraSeconds(facts, config),
        }),
      ),
  };
}
