/** What policies that go step by step have in common. */
import { z } from "zod";

import type { BigPlan, History } from "../policy.ts";
import { STEP_KINDS, type StepKind, untilStepEnds } from "../steps/boundaries.ts";

export const stepFields = {
  /** Where a step ends. */
  step: z.enum(STEP_KINDS).default("paragraph"),
  /** The longest step, in tokens, by whichever author: SpecReason's bound. */
  maxStepTokens: z.number().int().positive().max(16_384).default(512),
};

/** The big model writes the step, or what is missing of it. */
export function bigStep(
  { tail }: History,
  { step, maxStepTokens }: { readonly step: StepKind; readonly maxStepTokens: number },
): BigPlan {
  return {
    author: "big",
    reason: "scheduled",
    close: "never",
    maxTokens: maxStepTokens,
    until: untilStepEnds(step, tail),
    onEndOfTurn: "finish",
  };
}
