import { z } from "zod";

import { definePolicy } from "./policy-kind.ts";
import { judgedSteps, stepFields } from "./step-options.ts";

const rewriteOptions = z
  .object({
    ...stepFields,
    /** The big model rewrites a step from its first token on that it finds less probable than this. */
    threshold: z.number().min(0).max(1).default(0.05),
  })
  .strict();

/**
 * The big model rewrites drafted steps. The small model drafts a step, and the big one reads it. From the first token that it finds
 * improbable, it rewrites the step to its end. A step without such a token stays as it is.
 *
 * It follows the reference's mode `spec_rewrite`, with these deviations. There, a whole chain of thought is drafted; a model is asked in
 * words to refine it, several times; then the big model writes the answer. Here it goes step by step, needs no model that follows
 * instructions, and what is right is not written twice.
 */
export const rewrite = definePolicy({
  name: "rewrite",
  summary: "the big model rewrites drafted steps from their first unlikely token on",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  options: rewriteOptions,
  create: ({ threshold, ...steps }) => {
    const least = Math.log(threshold);
    return {
      needs: { tokenLogprobs: true },
      start: () =>
        judgedSteps(steps, {
          by: "likelihood",
          value: () => 0,
          keep: (logprobs) => {
            const first = logprobs.findIndex((logprob) => logprob < least);
            return first < 0 ? logprobs.length : first;
          },
        }),
    };
  },
});
