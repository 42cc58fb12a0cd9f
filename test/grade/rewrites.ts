/** Makes pairs of answers for comparing graders: each answer in a form that means the same, and in one that nearly does. Seeded. */
import type { Rng } from "../../src/core/rng.ts";
import { DIFFERENT } from "./different-forms.ts";
import { EQUIVALENT } from "./equivalent-forms.ts";
import type { Rewrite } from "./forms.ts";

export interface AnswerPair {
  readonly gold: string;
  readonly pred: string;
  /** Name of the rewriting of `gold`. */
  readonly rewrite: string;
  /** Whether the rewriting keeps the meaning. */
  readonly same: boolean;
}

/** `count` different pairs, about equally many for each answer, and of both kinds where there are enough. */
export function answerPairs(answers: readonly string[], count: number, rng: Rng): AnswerPair[] {
  const pairs = new Map<string, AnswerPair>();
  for (let round = 0; round < 200 && pairs.size < count; round++) {
    for (const gold of rng.shuffle([...answers])) {
      const same = rng.next() < 0.5;
      const forms = formsOf(gold, same ? EQUIVALENT : DIFFERENT, rng);
      if (forms.length === 0) continue;
      const [rewrite, pred] = rng.pick(forms);
      const key = JSON.stringify([gold, pred]);
      if (!pairs.has(key)) pairs.set(key, { gold, pred, rewrite, same });
      if (pairs.size >= count) break;
    }
  }
  return [...pairs.values()];
}

/** All forms of an answer. */
function formsOf(
  gold: string,
  rewrites: readonly Rewrite[],
  rng: Rng,
): readonly (readonly [rewrite: string, pred: string])[] {
  return rewrites.flatMap(([rewrite, apply]) => {
    const pred = apply(gold, rng);
    return pred === undefined || (rewrites === DIFFERENT && pred === gold) ? [] : [[rewrite, pred] as const];
  });
}

/** `count` answers of the kinds in `patterns`, with other whole numbers above 1. */
export function likeAnswers(patterns: readonly string[], count: number, rng: Rng): string[] {
  const answers = new Set(patterns);
  for (let turn = 0; answers.size < count && turn < count * 20; turn++) {
    const drawn = rng.pick(patterns).replace(/(?<![\d.^_,])\d+(?![\d.])/gu, (number) => {
      const digits = number.length;
      return Number(number) < 2
        ? number
        : String(rng.integer(Math.max(2, 10 ** (digits - 1)), 10 ** digits - 1));
    });
    answers.add(drawn);
  }
  return [...answers];
}
