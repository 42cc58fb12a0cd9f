/**
 * Difficulty-aware by group, after RelayLLM (2026): what a call for help is worth depends on whether the problem needs one. Solved by
 * somebody alone: a call is waste. Solved only with help: the help is what is right. Solved by nobody: asking is worth trying.
 */
import { z } from "zod";

import { fromParts, type Reward } from "./reward.ts";

export const relayRewardSchema = z.strictObject({
  name: z.literal("relay"),
  /** Added for a right answer without help to a problem that can be solved so. */
  aloneBonus: z.number().nonnegative().default(0.5),
  /** Added for a right answer with help to a problem that nobody solved without. */
  helpBonus: z.number().nonnegative().default(0.25),
  /** For having asked where nobody was right. */
  tryBonus: z.number().nonnegative().default(0.1),
});

export function relayReward({ aloneBonus, helpBonus, tryBonus }: z.output<typeof relayRewardSchema>): Reward {
  return {
    name: "relay",
    rollouts: "pair",
    score: (groupG) => {
      const alone = groupG.some(({ correct, bigTokens }) => correct && bigTokens === 0);
      const helped = groupG.some(({ correct, bigTokens }) => correct && bigTokens > 0);
      return groupG.map(({ correct, bigTokens }) => {
        const asked = bigTokens > 0;
        let bonus = 0;
        if (alone) bonus = correct && !asked ? aloneBonus : 0;
        else if (helped) bonus = correct ? helpBonus : 0;
        else bonus = asked ? tryBonus : 0;
        return fromParts({ correct: correct ? 1 : 0, bonus });
      });
    },
  };
}
