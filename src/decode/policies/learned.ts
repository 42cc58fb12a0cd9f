import { resumeReason } from "./policy.ts";
import { definePolicy, noOptions } from "./policy-kind.ts";

/** The method (Paper 3.1): the small model asks with the open tag, and takes the pen back where it predicts the close tag. */
export const learned = definePolicy({
  name: "learned",
  summary: "the small model hands over where it has learned to: the method",
  uses: "pair",
  needsTags: true,
  ignores: [],
  readsHint: true,
  options: noOptions,
  create: () => ({
    start: () => ({
      next: ({ segments }) => {
        const end = segments.at(-1)?.end;
        return end === "open-tag"
          ? { author: "big", reason: "open-tag", close: "predicted", onEndOfTurn: "return" }
          : { author: "small", reason: resumeReason(end), tags: "ask-big" };
      },
    }),
  }),
});
