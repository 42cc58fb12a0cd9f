import { resumeReason } from "./policy.ts";
import { definePolicy, noOptions } from "./policy-kind.ts";

/**
 * The small model writes its own spans between the tags: the control that keeps the tuned checkpoint's form and takes only the
 * big model away. The dial's `reject`, `maxSegments` and `maxSegmentTokens` apply as they do to `learned`; the budget does not.
 */
export const self = definePolicy({
  name: "self",
  summary: "the small model, which writes the spans between its tags by itself",
  uses: "small",
  needsTags: true,
  ignores: [],
  readsHint: true,
  options: noOptions,
  create: () => ({
    start: () => ({
      next: ({ segments }) => {
        const end = segments.at(-1)?.end;
        return end === "open-tag"
          ? { author: "small", reason: "open-tag", tags: "span" }
          : { author: "small", reason: resumeReason(end), tags: "ask-self" };
      },
    }),
  }),
});
