import { z } from "zod";

import type { Policy } from "./policy.ts";
import { resumeReason } from "./policy.ts";
import { bigStep, stepFields } from "./step-options.ts";

export const entropyOptionsSchema = z
  .object({
    ...stepFields,
    /** Nats, of the small model's distribution of a step's first token: above it the big model writes the step. */
    threshold: z.number().nonnegative().default(1),
  })
  .strict();

export type EntropyOptions = z.input<typeof entropyOptionsSchema>;

/**
 * GlimpRouter (arXiv 2601.05110): the small model draws the first token of each step; where the entropy of its distribution is above a
 * threshold, the token is thrown away and the big model writes the step. No training.
 *
 * Deviations: the entropy is that at temperature 1 whatever the request samples at; the final answer is not written by a model of its own
 * but goes by steps like the rest.
 */
export function entropy(options: EntropyOptions = {}): Policy {
  const { threshold, ...steps } = entropyOptionsSchema.parse(options);
  return {
    name: "entropy",
    uses: "pair",
    needsTags: false,
    needs: { entropy: true },
    start: () => {
      let isHard = false;
      return {
        next: (history) => {
          if (isHard) {
            isHard = false;
            return bigStep(history, steps);
          }
          return {
            author: "small",
            how: "glimpse",
            reason: resumeReason(history.segments.at(-1)?.end),
            step: steps.step,
            hard: (nats) => (isHard = nats > threshold),
          };
        },
      };
    },
  };
}
