import { z } from "zod";

import { resumeReason } from "./policy.ts";
import { definePolicy } from "./policy-kind.ts";
import { stepFields } from "./step-options.ts";
import { likelihoodScore } from "./step-score.ts";

const logprobSelectOptions = z
  .object({
    ...stepFields,
    /** Drafts of each step. */
    candidates: z.number().int().min(2).max(32).default(8),
    /** Temperature of the drafts after the first where the request is greedy: otherwise all would be the same. */
    temperature: z.number().gt(0).max(2).default(0.8),
    /** Tokens that the big model writes after each step. */
    tokens: z.number().int().nonnegative().max(16_384).default(0),
  })
  .strict();

/**
 * Log-prob sub-selection (the reference's mode `logprob_subselect`): the small model drafts several continuations, the big model's
 * log-probabilities pick one; then, if wanted, the big model writes a few tokens. By default the big model writes nothing, so the share is
 * 0 and its work is all reading.
 *
 * Deviations: a continuation is a step, not 16 tokens. The mean log-probability of a token decides, not the sum, which would favour short
 * steps. One continuation is kept at once, where the reference halves their number each time. The reference scores what the big
 * model writes after a continuation; this scores the continuation.
 */
export const logprobSelect = definePolicy({
  name: "logprob-select",
  summary: "of several drafts of each step, the one that the big model finds likeliest",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  options: logprobSelectOptions,
  create: ({ candidates, temperature, tokens, ...steps }) => ({
    needs: { tokenLogprobs: true },
    start: () => {
      let isDraft = false;
      return {
        next: (history) => {
          isDraft = !isDraft;
          if (!isDraft && tokens > 0) {
            return {
              author: "big",
              reason: "scheduled",
              close: "never",
              maxTokens: tokens,
              onEndOfTurn: "finish",
            };
          }
          isDraft = true;
          return {
            author: "small",
            how: "draft",
            reason: resumeReason(history.segments.at(-1)?.end),
            ...steps,
            candidates,
            temperature,
            handOver: tokens > 0,
            judge: { by: "likelihood", value: likelihoodScore, keep: (logprobs) => logprobs.length },
          };
        },
      };
    },
  }),
});
