import { z } from "zod";

import { resumeReason } from "./policy.ts";
import { definePolicy } from "./policy-kind.ts";
import { currentStep, TAIL_LENGTH } from "./step-boundaries.ts";
import { stepFields } from "./step-options.ts";

/** Words of affirmation, reflection and verification, as reasoning models begin a step with. */
const DEFAULT_CUES: readonly string[] = [
  "wait",
  "hmm",
  "but",
  "alternatively",
  "maybe",
  "let me check",
  "let me verify",
  "let me see",
  "let's check",
  "let's verify",
  "to check",
  "to verify",
  "double-check",
  "yes",
  "yeah",
  "right",
  "good",
  "great",
  "okay",
  "ok",
];

const cueOptions = z
  .object({
    step: stepFields.step,
    /** The words that a step has to begin with, in upper or lower case; `*`: any step. */
    cues: z
      .array(z.string().trim().min(1).max(64).toLowerCase())
      .min(1)
      .max(64)
      .readonly()
      .default(DEFAULT_CUES),
    /** Tokens that the big model writes then. Speculative Thinking: 20. */
    tokens: z.number().int().positive().max(16_384).default(20),
  })
  .strict();

/**
 * Speculative Thinking (arXiv 2504.12329): where a step, after a structural delimiter, begins with a word of affirmation, reflection or
 * verification, the big model writes the next n tokens. No training.
 *
 * Deviations: there is one n for all kinds of cues. No number of reflections makes the big model take over for good. The cue itself stays
 * as the small model wrote it.
 */
export const cue = definePolicy({
  name: "cue",
  summary: "the big model writes some tokens where a step begins with a cue (Speculative Thinking)",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  options: cueOptions,
  create: ({ step, cues, tokens }) => {
    const cued = (text: string): boolean => {
      const written = currentStep(step, text)?.trimStart().toLowerCase() ?? "";
      return written !== "" && cues.some((word) => (word === "*" ? true : beginsWith(written, word)));
    };
    return {
      start: () => ({
        next: ({ segments, tail }) => {
          const last = segments.at(-1);
          return last?.author === "small" && last.end === "scheduled" && cued(tail)
            ? {
                author: "big",
                reason: "scheduled",
                close: "never",
                maxTokens: tokens,
                onEndOfTurn: "finish",
              }
            : {
                author: "small",
                reason: resumeReason(last?.end),
                tags: "banned",
                until: ({ text }, segmentText) => {
                  const before = (tail + segmentText).slice(-TAIL_LENGTH);
                  const after = (before + text).slice(-TAIL_LENGTH);
                  return cued(after) && !cued(before) ? "after" : undefined;
                },
              };
        },
      }),
    };
  },
});

/** Whether the text begins with these whole words: "but" does not begin "butter". Without a character after them, the last word may still grow. */
function beginsWith(text: string, words: string): boolean {
  const next = text.charAt(words.length);
  return text.startsWith(words) && next !== "" && !/[\p{L}\p{N}'’-]/u.test(next);
}
