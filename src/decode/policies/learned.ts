import type { Policy } from "./policy.ts";
import { resumeReason } from "./policy.ts";

/** The method (Paper 3.1): the small model asks with the open tag, and takes the pen back where it predicts the close tag. */
export function learned(): Policy {
  return {
    name: "learned",
    uses: "pair",
    needsTags: true,
    start: () => ({
      next: ({ segments }) => {
        const end = segments.at(-1)?.end;
        return end === "open-tag"
          ? { author: "big", reason: "open-tag", close: "predicted", onEndOfTurn: "return" }
          : { author: "small", reason: resumeReason(end), tags: "ask-big" };
      },
    }),
  };
}
