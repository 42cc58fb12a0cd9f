/** Figures for several samples of a problem: pass@k, cov@k and maj@k. Each has one value for each problem; the caller averages them. */
import type { OutcomesPS } from "./accuracy.ts";

/** Powers of two up to `samples`, and `samples` itself. */
export function sampleCounts(samples: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < samples; count *= 2) counts.push(count);
  counts.push(samples);
  return counts;
}

/**
 * pass@k: the chance that at least one of k samples, drawn from the n samples without replacement, is right. The unbiased estimator is
 * 1 - C(n-c, k) / C(n, k) (Chen et al. 2021). Needs k <= the samples of each problem.
 */
export function passAt(correctPS: OutcomesPS, k: number): number[] {
  return correctPS.map((samples) => {
    const total = samples.length;
    const wrong = samples.filter((correct) => !correct).length;
    let allWrong = 1;
    for (let drawn = 0; drawn < k; drawn++) allWrong *= Math.max(0, wrong - drawn) / (total - drawn);
    return 1 - allWrong;
  });
}

/**
 * cov@k, the reference's coverage: 1 where at least one of the *first* k samples is right, else 0. It has the expectation of pass@k
 * and, for k below n, more noise, since it looks at one choice of k samples; at k = n both are the same.
 */
export function coverageAt(correctPS: OutcomesPS, k: number): number[] {
  return correctPS.map((samples) => (samples.slice(0, k).some(Boolean) ? 1 : 0));
}

/** One sample's vote: the answer as extracted, and whether that answer is right. */
export interface Vote {
  readonly answer: string | null;
  readonly correct: boolean;
}

/**
 * maj@k: whether the most frequent answer among the first k samples is right. No answer does not vote. Answers that lead together
 * share the vote: two leaders, one of them right, count one half.
 */
export function majorityAt(votesPS: readonly (readonly Vote[])[], k: number): number[] {
  return votesPS.map((votes) => majority(votes.slice(0, k)));
}

function majority(votes: readonly Vote[]): number {
  const counts = new Map<string, { count: number; correct: boolean }>();
  for (const { answer, correct } of votes) {
    if (answer === null) continue;
    const entry = counts.get(answer) ?? { count: 0, correct };
    counts.set(answer, { ...entry, count: entry.count + 1 });
  }
  const most = Math.max(0, ...[...counts.values()].map((entry) => entry.count));
  const leaders = [...counts.values()].filter((entry) => entry.count === most);
  return leaders.length === 0 ? 0 : leaders.filter((entry) => entry.correct).length / leaders.length;
}
