/** Our grader must see whether an answer was rewritten to the same or to something else. */
import { expect, it } from "vitest";

import { createRng } from "../../src/core/rng.ts";
import { gradeMath } from "../../src/eval/graders/index.ts";
import { BENCHMARKS_MISSING, benchmarkAnswers, ownAnswers } from "./answers.ts";
import { answerPairs } from "./rewrites.ts";

const PAIRS = 3000;
const benchmarks = benchmarkAnswers();

function wrong(answers: readonly string[], seed: number): string[] {
  const pairs = answerPairs(answers, PAIRS, createRng(seed));
  expect(pairs).toHaveLength(PAIRS);
  // Neither kind is so rare that a blind grader would pass.
  const share = pairs.filter(({ same }) => same).length / PAIRS;
  expect(share).toBeGreaterThan(0.4);
  expect(share).toBeLessThan(0.6);
  return pairs.flatMap(({ gold, pred, rewrite, same }) => {
    const grade = gradeMath(gold, pred);
    return grade.equivalent === same ? [] : [`${rewrite}: ${gold} | ${pred} | ${JSON.stringify(grade)}`];
  });
}

it("is right on rewritten answers of our own", { timeout: 300_000 }, () => {
  expect(wrong(ownAnswers(700, 1), 2)).toEqual([]);
});

it("is right on rewritten answers of benchmarks", { timeout: 300_000 }, (context) => {
  context.skip(benchmarks === undefined, BENCHMARKS_MISSING);
  expect(wrong(benchmarks ?? [], 3)).toEqual([]);
});
