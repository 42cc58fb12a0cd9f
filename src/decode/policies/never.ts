import { definePolicy, noOptions } from "./policy-kind.ts";

/** The small model alone, its tags forbidden: the same-checkpoint control. */
export const never = definePolicy({
  name: "never",
  summary: "the small model alone, its tags forbidden",
  uses: "small",
  needsTags: false,
  ignores: ["bias"],
  options: noOptions,
  create: () => ({
    start: () => ({
      next: ({ segments }) => ({
        author: "small",
        reason: segments.length === 0 ? "start" : "scheduled",
        tags: "banned",
      }),
    }),
  }),
});
