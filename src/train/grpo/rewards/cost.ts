/**
 * Ours: being right, less the price of the help that was used. The share is priced above a budget only, and the price rises slowly, so
 * that the policy first learns what help is good for. `openPrice` and `tokenPrice` lie on the choices that cause the cost: in the sum they would
 * drown in the variance of being right.
 */
import { z } from "zod";

import { THINK_TAGS } from "../../../tags/index.ts";
import { fromParts, offloadShare, type Reward } from "./reward.ts";

export const costRewardSchema = z.strictObject({
  name: z.literal("cost"),
  /** Share of the generated tokens that costs nothing. */
  budget: z.number().min(0).max(1).default(0.05),
  /** Price of a whole share of 1 above the budget, when it has risen fully. */
  lambda: z.number().nonnegative().default(4),
  /** Part of the training over which the prices rise from 0. */
  rampShare: z.number().min(0).max(1).default(0.5),
  /** For a chain of thought that is closed and a turn that is ended. */
  format: z.number().nonnegative().default(0.1),
  /** On each open tag. */
  openPrice: z.number().nonnegative().default(0),
  /** For each token of the big model, on the open tag that asked for it and on each choice to read on before it. */
  tokenPrice: z.number().nonnegative().default(0),
});

export type CostRewardConfig = z.output<typeof costRewardSchema>;

export function costReward(config: CostRewardConfig): Reward {
  const { budget, lambda, rampShare, format, openPrice, tokenPrice } = config;
  return {
    name: "cost",
    rollouts: "pair",
    score: (groupG, { step, steps }) => {
      const risen = rampShare === 0 ? 1 : Math.min(1, (step + 1) / (rampShare * steps));
      return groupG.map((facts) =>
        fromParts(
          {
            correct: facts.correct ? 1 : 0,
            format: isFinished(facts.taggedText, facts.finish) ? format : 0,
            cost: -risen * lambda * Math.max(0, offloadShare(facts) - budget),
          },
          { openPrice: risen * openPrice, tokenPrice: risen * tokenPrice },
        ),
      );
    },
  };
}

const isFinished = (text: string, finish: string): boolean =>
  finish === "end-of-turn" && text.split(THINK_TAGS.close).length === 2;
