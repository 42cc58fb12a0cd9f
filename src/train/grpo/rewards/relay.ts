/**
 * A reward that knows how hard a problem is, after RelayLLM (2026). If a rollout of the group solved the problem alone, a call for help is waste.
 * If only rollouts with help solved it, help is right. If none did, asking is worth a try.
 */
import { z } from "zod";

import { defineReward, fromParts } from "./reward.ts";

export const relay = defineReward({
  name: "relay",
  help: "being right; help pays only on problems that the group did not solve without",
  rollouts: "pair",
  options: {
    /** Bonus for a right answer without help. */
    aloneBonus: z.number().nonnegative().default(0.5),
    /** Bonus for a right answer with help, to a problem that no rollout of the group solved without. */
    helpBonus: z.number().nonnegative().default(0.25),
    /** Bonus for asking where no rollout of the group was right. */
    tryBonus: z.number().nonnegative().default(0.1),
  },
  score:
    ({ aloneBonus, helpBonus, tryBonus }) =>
    (groupG) => {
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
});
