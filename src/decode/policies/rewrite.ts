import { z } from "zod";

import type { Policy } from "./policy.ts";
import { judgedSteps, stepFields } from "./step-options.ts";

export const rewriteOptionsSchema = z
  .object({
    ...stepFields,
    /** The big model rewrites a step from its first token on that it finds less probable than this. */
    threshold: z.number().min(0).max(1).default(0.05),
  })
  .strict();

export type RewriteOptions = z.input<typeof rewriteOptionsSchema>;

/**
 * The big model rewrites drafted steps: the small model drafts a step, the big one reads it and rewrites it from the first token on that it
 * finds improbable to the step's end. A step without such a token stays as it is.
 *
 * After the reference's mode `spec_rewrite`, with these deviations: there a whole chain of thought is drafted and a model is asked in words
 * to refine it, several times, after which the big model writes the answer; here it goes step by step, needs no model that follows
 * instructions, and what is right is not written twice.
 */
export function rewrite(options: RewriteOptions = {}): Policy {
  const { threshold, ...steps } = rewriteOptionsSchema.parse(options);
  const least = Math.log(threshold);
  return {
    name: "rewrite",
    uses: "pair",
    needsTags: false,
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
}
