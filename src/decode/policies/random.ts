import { z } from "zod";

import { resumeReason } from "./policy.ts";
import { definePolicy } from "./policy-kind.ts";

const randomOptions = z
  .object({
    /** Expected share of the generated tokens that the big model writes. */
    share: z.number().min(0).max(1).default(0.05),
    /** Tokens in a row by one author; the paper's random arms use 32. */
    chunk: z.number().int().positive().default(32),
  })
  .strict();

/**
 * Random switching (Paper 4): each chunk of tokens is the big model's with probability `share`, independently. Tags are forbidden, so
 * that on a tuned checkpoint this is the token-matched control. Chunks in a row by one author are one segment. An end of turn by
 * either model ends the whole.
 *
 * Deviation from the reference: seeded, counted in tokens and run on whichever checkpoint is given, not on the untuned one.
 */
export const random = definePolicy({
  name: "random",
  summary: "the big model writes spans drawn at random, the tags forbidden",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  // An evaluation has arms of two forms for it: with a share, and matched to another arm.
  arm: undefined,
  options: randomOptions,
  create: ({ share, chunk }) => ({
    start: ({ rng, maxTokens }) => {
      const bigHas = (index: number): boolean => rng.fork(index).next() < share;
      let index = 0;
      return {
        next: ({ segments }) => {
          const big = bigHas(index);
          const first = index;
          do index++;
          while ((index - first) * chunk < maxTokens && bigHas(index) === big);
          const tokens = (index - first) * chunk;
          const end = segments.at(-1)?.end;
          return big
            ? {
                author: "big",
                reason: end === undefined ? "start" : "scheduled",
                close: "never",
                maxTokens: tokens,
                onEndOfTurn: "finish",
              }
            : { author: "small", reason: resumeReason(end), tags: "banned", maxTokens: tokens };
        },
      };
    },
  }),
});
