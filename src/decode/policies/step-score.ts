import { z } from "zod";

import type { DraftJudge } from "./policy.ts";
import { definePolicy } from "./policy-kind.ts";
import { judgedSteps, stepFields } from "./step-options.ts";

/** Comes after a draft; the next token is the score. */
const SCORE_QUESTION =
  "\n\n(Is the step above factually correct, and does it follow from what comes before? Style does not matter. From 0 to 9, its score is: ";

const stepScoreOptions = z
  .object({
    ...stepFields,
    /** From 0 to 9: the big model writes a step again that scores less. SpecReason: 7. */
    threshold: z.number().min(0).max(9).default(7),
    /**
     * `likelihood`: 9 times the geometric mean of the probabilities that the big model gives the step's tokens. `prompt`: the big model is
     * asked, and the digit that it answers with is the score.
     */
    scorer: z.enum(["likelihood", "prompt"]).default("likelihood"),
    /** The question for `prompt`, which comes after the draft. Markers in it are special tokens, so that it may open a turn of its own. */
    question: z.string().min(1).max(4_000).default(SCORE_QUESTION),
  })
  .strict();

const MOST = 9;

/**
 * SpecReason (arXiv 2504.07891): the small model writes a step, the big one scores it from 0 to 9. Below the threshold the step is
 * discarded and the big one writes it. No training.
 *
 * Deviations: `likelihood`, the default, is not the source's: it costs no token, and the big model need not understand a question. `prompt`
 * is the source's, with two differences: the question stands in the assistant's own turn unless `question` says otherwise, and the answer may
 * begin with white space. An answer without a digit is a 0, as in the source.
 */
export const stepScore = definePolicy({
  name: "step-score",
  summary: "the big model scores each step, and rewrites those that score low (SpecReason)",
  uses: "pair",
  needsTags: false,
  ignores: ["bias", "reject"],
  options: stepScoreOptions,
  create: ({ threshold, scorer, question, ...steps }) => {
    const judge: DraftJudge =
      scorer === "likelihood"
        ? {
            by: "likelihood",
            value: likelihoodScore,
            keep: (logprobs) => (likelihoodScore(logprobs) >= threshold ? logprobs.length : 0),
          }
        : {
            by: "question",
            question,
            answerTokens: 2,
            accepts: (answer) => answeredScore(answer) >= threshold,
          };
    return {
      needs: { tokenLogprobs: scorer === "likelihood" },
      start: () => judgedSteps(steps, judge),
    };
  },
});

/** 9 exp(mean of the log-probabilities): 9 for certainty, towards 0 for what is impossible. */
export function likelihoodScore(logprobs: readonly number[]): number {
  if (logprobs.length === 0) return MOST;
  return MOST * Math.exp(logprobs.reduce((sum, logprob) => sum + logprob, 0) / logprobs.length);
}

/** The digit that the answer begins with; 0 without one. */
export function answeredScore(answer: string): number {
  return Number(/^\s*(\d)/u.exec(answer)?.[1] ?? 0);
}
