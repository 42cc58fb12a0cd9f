import type { Policy } from "./policy.ts";

/** The big model writes everything; the small one does no work at all. */
export function always(): Policy {
  return {
    name: "always",
    uses: "big",
    needsTags: false,
    start: () => ({
      next: ({ segments }) => ({
        author: "big",
        reason: segments.length === 0 ? "start" : "scheduled",
        close: "never",
        onEndOfTurn: "finish",
      }),
    }),
  };
}
