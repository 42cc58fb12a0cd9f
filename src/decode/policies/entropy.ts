import { z } from "zod";

import { resumeReason } from "./policy.ts";
import { definePolicy } from "./policy-kind.ts";
import { bigStep, stepFields } from "./step-options.ts";

const entropyOptions = z
  .object({
    ...stepFields,
    /** Entropy in nats of the small model's distribution of a step's first token. Above it, the big model writes the step. */
    threshold: z.number().nonnegative().default(1),
  })
  .strict();

/**
 * GlimpRouter (arXiv 2601.05110): the small model draws the first token of each step. Where the entropy of its distribution is above a
 * threshold, the token is discarded and the big model writes the step. No training.
 *
 * Deviations: the entropy is that at temperature 1, whatever the request samples at. The final answer is not written by a model of its own
 * but goes by steps like the rest.
 */
export const entropy = definePolicy({
  name: "entropy",
  summary: "the big model writes steps whose first token the small one is unsure of (GlimpRouter)",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  options: entropyOptions,
  create: ({ threshold, ...steps }) => ({
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
  }),
});
