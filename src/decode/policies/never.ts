import type { Policy } from "./policy.ts";

/** The small model alone, with the tags forbidden: the same-checkpoint control. */
export function never(): Policy {
  return {
    name: "never",
    uses: "small",
    needsTags: false,
    start: () => ({
      next: ({ segments }) => ({
        author: "small",
        reason: segments.length === 0 ? "start" : "scheduled",
        tags: "banned",
      }),
    }),
  };
}
