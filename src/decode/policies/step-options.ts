/** Options and plans that policies which go step by step share. */
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

/** The small model drafts a step, and the judge says how much of it stays. Where that is not all, the big model writes the rest of the step. */
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

/** The big model writes the step, or the rest of it. */
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
