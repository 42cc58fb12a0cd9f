/**
 * Being right, less the seconds that the rollout would take at given speeds of the two models. Both prefills run while the other model decodes
 * (docs/decoding.md). So decoding is charged for, and the part of a chunk that is still to be read when hands change. Tokens that the big model
 * decoded after a close are free: their number depends on which model happened to be faster, and a reward must not.
 */
import { z } from "zod";

import { defineReward, fromParts, type RolloutFacts } from "./reward.ts";

const speed = z.number().positive();

const options = {
  /** Tokens per second. Defaults: the speeds that the paper assumes (A6000s, 4,096 tokens of context; Paper 4). */
  profile: z
    .strictObject({
      small: z.strictObject({ prefill: speed, decode: speed }),
      big: z.strictObject({ prefill: speed, decode: speed }),
    })
    .default({
      small: { prefill: 28_721, decode: 145 },
      big: { prefill: 3_045, decode: 16.4 },
    }),
  /** Price of each second beyond those of the small model alone. */
  pricePerSecond: z.number().nonnegative().default(0.1),
  /** Tokens that are still to be read when hands change (half a chunk of the streaming prefill). */
  unreadTokens: z.number().nonnegative().default(32),
};

type LatencyOptions = z.output<z.ZodObject<typeof options>>;

/** Seconds beyond what the small model would have taken to write as many tokens. */
export function extraSeconds(facts: RolloutFacts, config: LatencyOptions): number {
  const { small, big } = config.profile;
  const handoffs = facts.opens * config.unreadTokens * (1 / big.prefill + 1 / small.prefill);
  const decoding = facts.bigTokens * (1 / big.decode - 1 / small.decode);
  return handoffs + decoding;
}

export const latency = defineReward({
  name: "latency",
  help: "being right, less the seconds that help would take at given speeds",
  rollouts: "pair",
  options,
  score: (config) => (groupG) =>
    groupG.map((facts) =>
      fromParts({
        correct: facts.correct ? 1 : 0,
        latency: -config.pricePerSecond * extraSeconds(facts, config),
      }),
    ),
});
