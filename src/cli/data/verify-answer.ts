/**
 * Verifies the answer at the end of a trace with the grader of `eval`. The CLI hands it to `data check`, which knows no
 * graders.
 */
import type { Verdict } from "../../data/check/checker.ts";
import { boxedAnswer, compareAnswers } from "../../eval/graders/index.ts";
import type { TraceRow } from "../../formats/trace-row.ts";

/**
 * Compares the last `\boxed{}` (with adjacent boxes of the same answer) with the row's answer, as mathematics. An answer is
 * wrong only if it is understood and different; otherwise, and without a box, the verdict is unknown.
 */
export function verifyAnswer({ trace, answer }: TraceRow): Verdict {
  const boxed = boxedAnswer(trace);
  if (boxed === null || answer === undefined) return "unknown";
  return VERDICTS[compareAnswers(answer, boxed)];
}

const VERDICTS = { same: "right", different: "wrong", unknown: "unknown" } as const;
