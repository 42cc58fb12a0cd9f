/** What policies that go step by step have in common. */
import { z } from "zod";

import type { BigPlan, DraftJudge, History, PolicyRun, StepKind } from "./policy.ts";
import { resumeReason } from "./policy.ts";
import { STEP_KINDS, untilStepEnds } from "./step-boundaries.ts";

export const stepFields = {
  /** Where a step ends. */
  step: z.enum(STEP_KINDS).default("paragraph"),
  /** The longest step, in tokens, by whichever author: SpecReason's bound. */
  maxStepTokens: z.number().int().positive().max(16_384).default(512),
};

interface StepOptions {
  readonly step: StepKind;
  readonly maxStepTokens: number;
}

/** The small model drafts, the judge says what of it stays; where that is not all, the big model writes on to the step's end. */
export function judgedSteps(steps: StepOptions, judge: DraftJudge): PolicyRun {
  let isDraft = false;
  return {
    next: (history) => {
      isDraft = !isDraft;
      if (!isDraft) return bigStep(history, steps);
      return {
        author: "small",
        how: "draft",
        reason: resumeReason(history.segments.at(-1)?.end),
        ...steps,
        candidates: 1,
        temperature: 0,
        judge,
      };
    },
  };
}

/** The big model writes the step, or what is missing of it. */
export function bigStep({ tail }: History, { step, maxStepTokens }: StepOptions): BigPlan {
  return {
    author: "big",
    reason: "scheduled",
    close: "never",
    maxTokens: maxStepTokens,
    until: untilStepEnds(step, tail),
    onEndOfTurn: "finish",
  };
}
