import { z } from "zod";

import { always } from "./always.ts";
import { definePolicy } from "./policy-kind.ts";

const speculativeOptions = z
  .object({
    /** The longest draft. Drafts get longer while the big model accepts them, and shorter when it does not. */
    tokens: z.number().int().min(1).max(64).default(16),
    /** A draft ends before the first token that the small model itself finds less probable than this. */
    confidence: z.number().min(0).max(1).default(0.6),
  })
  .strict();

/**
 * Speculative decoding (Leviathan et al. 2023, arXiv 2211.17192): the small model guesses the next tokens, the big one reads the guesses in one
 * call. It is what one would do instead of a split for speed, so it is the control for time: the text is the big model's.
 *
 * Deviation: a guess is kept if it is what the big model itself draws at that position, not with probability min(1, p/q). So the output is what
 * `always` writes with the same seed, at any temperature. Above 0 fewer guesses are kept.
 */
export const speculative = definePolicy({
  name: "speculative",
  summary: "the big model alone, with the small one guessing its next tokens to save time",
  uses: "big",
  needsTags: false,
  ignores: ["bias", "reject", "budget", "hard", "maxSegmentTokens", "maxSegments"],
  copies: always.facts.name,
  options: speculativeOptions,
  create: ({ tokens, confidence }) => ({
    needs: { drafts: true },
    start: () => ({
      next: ({ segments }) => ({
        author: "big",
        reason: segments.length === 0 ? "start" : "scheduled",
        close: "never",
        onEndOfTurn: "finish",
        draft: { tokens, confidence },
      }),
    }),
  }),
});
