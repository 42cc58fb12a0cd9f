import { z } from "zod";

import type { Policy } from "./policy.ts";
import { resumeReason } from "./policy.ts";
import { stepFields } from "./step-options.ts";
import { likelihoodScore } from "./step-score.ts";

export const logprobSelectOptionsSchema = z
  .object({
    ...stepFields,
    /** Drafts of each step. */
    candidates: z.number().int().min(2).max(32).default(8),
    /** Of the drafts after the first where the request is greedy: they would all be the same. */
    temperature: z.number().gt(0).max(2).default(0.8),
    /** Tokens that the big model writes behind each step. */
    tokens: z.number().int().nonnegative().max(16_384).default(0),
  })
  .strict();

export type LogprobSelectOptions = z.input<typeof logprobSelectOptionsSchema>;

/**
 * Log-prob sub-selection (the reference's mode `logprob_subselect`): the small model drafts several continuations, the big model's
 * log-probabilities pick one; then, if wanted, the big model writes a few tokens. By default the big model writes nothing, so the share is
 * 0 and its work is all reading.
 *
 * Deviations: a continuation is a step, not 16 tokens; the mean log-probability of a token decides, not the sum, which would like short
 * steps best; one continuation is kept at once, where the reference halves their number each time; the reference scores what the big
 * model writes behind a continuation, this scores the continuation.
 */
export function logprobSelect(options: LogprobSelectOptions = {}): Policy {
  const { candidates, temperature, tokens, ...steps } = logprobSelectOptionsSchema.parse(options);
  return {
    name: "logprob-select",
    uses: "pair",
    needsTags: false,
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
  };
}
