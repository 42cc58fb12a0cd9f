/** Whether a trace ends in its row's answer, by evaluation's grader: put into `data check`, which knows no graders. */
import type { Verdict } from "../../data/check/checker.ts";
import { boxedAnswer, compareAnswers } from "../../eval/graders/index.ts";
import type { TraceRow } from "../../formats/trace-row.ts";

/**
 * The last `\boxed{}` (with those beside it that are one answer) against the row's answer, as mathematics. Wrong is only what is understood
 * and different; anything else is unknown, and so is a trace without a box.
 */
export function verifyAnswer({ trace, answer }: TraceRow): Verdict {
  const boxed = boxedAnswer(trace);
  if (boxed === null || answer === undefined) return "unknown";
  return VERDICTS[compareAnswers(answer, boxed)];
}

const VERDICTS = { same: "right", different: "wrong", unknown: "unknown" } as const;
