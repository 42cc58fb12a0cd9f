/**
 * This project's own reward: being right, less the price of the help that was used. Only the share above a budget costs anything. The price rises
 * slowly, so that the policy model first learns what help is good for. `openPrice` and `tokenPrice` are charged to the choices that cause the
 * cost. In the rollout's total they would be lost in the variance of being right.
 */
import { z } from "zod";

import { THINK_TAGS } from "../../../tags/index.ts";
import { defineReward, fromParts, offloadShare } from "./reward.ts";

export const cost = defineReward({
  name: "cost",
  help: "being right, less a price on the big model's share above a budget",
  rollouts: "pair",
  options: {
    /** Share of the generated tokens that is free. */
    budget: z.number().min(0).max(1).default(0.05),
    /** Full price of a share of 1 above the budget. */
    lambda: z.number().nonnegative().default(4),
    /** Part of the training over which the prices rise from 0. */
    rampShare: z.number().min(0).max(1).default(0.5),
    /** Bonus for a closed chain of thought and an ended turn. */
    format: z.number().nonnegative().default(0.1),
    /** Price of each open tag. */
    openPrice: z.number().nonnegative().default(0),
    /** Price of each token of the big model. The open tag that asked for it pays, and so does each choice to read on before it. */
    tokenPrice: z.number().nonnegative().default(0),
  },
  score:
    ({ budget, lambda, rampShare, format, openPrice, tokenPrice }) =>
    (groupG, { step, steps }) => {
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
});

const isFinished = (text: string, finish: string): boolean =>
  finish === "end-of-turn" && times(text, THINK_TAGS.close) === Math.min(1, times(text, THINK_TAGS.open));

const times = (text: string, marker: string): number => text.split(marker).length - 1;
