import { definePolicy, noOptions } from "./policy-kind.ts";

/** The big model writes everything; the small one does no work at all. */
export const always = definePolicy({
  name: "always",
  summary: "the big model alone",
  uses: "big",
  needsTags: false,
  ignores: ["bias", "reject", "budget", "hard", "maxSegmentTokens", "maxSegments"],
  arm: "big",
  options: noOptions,
  create: () => ({
    start: () => ({
      next: ({ segments }) => ({
        author: "big",
        reason: segments.length === 0 ? "start" : "scheduled",
        close: "never",
        onEndOfTurn: "finish",
      }),
    }),
  }),
});
