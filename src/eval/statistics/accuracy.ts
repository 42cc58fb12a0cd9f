/**
 * Accuracy with a 95% interval. `P` is the axis of problems, `S` that of the samples of one problem. The samples of one problem are not
 * independent, so the bootstrap resamples problems.
 */
import type { Rng } from "../../core/rng.ts";
import { type Interval, mean, NORMAL_975, quantile } from "../../core/statistics.ts";

/** Whether each sample is right, by problem and sample. */
export type OutcomesPS = readonly (readonly boolean[])[];

export interface Estimate {
  readonly value: number;
  readonly ci95: Interval;
}

const RESAMPLES = 2000;

/** The mean over problems of each problem's share of right samples, as {@link meanOverProblems} estimates it. */
export function accuracyOf(correctPS: OutcomesPS, rng: Rng): Estimate {
  return meanOverProblems(correctPS.map(shareRight), rng);
}

/**
 * Estimates the mean of one value from 0 to 1 for each problem. If all values are 0 or 1, the interval is Wilson's score interval. If all values
 * are the same, resampling says nothing, and Wilson's interval over the number of problems is used. Else it is a percentile bootstrap over
 * problems. Throws a RangeError without problems.
 */
export function meanOverProblems(valuesP: readonly number[], rng: Rng): Estimate {
  const value = mean(valuesP);
  const binary = valuesP.every((each) => each === 0 || each === 1);
  const constant = valuesP.every((each) => each === valuesP[0]);
  if (binary || constant) return { value, ci95: wilsonInterval(value * valuesP.length, valuesP.length) };
  return { value, ci95: bootstrapMean(valuesP, rng) };
}

/** Wilson's score interval for `successes` of `trials`; sound near 0 and 1, where the normal interval is not. */
export function wilsonInterval(successes: number, trials: number): Interval {
  const share = successes / trials;
  const z2 = NORMAL_975 * NORMAL_975;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half =
    (NORMAL_975 / (1 + z2 / trials)) * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials * trials));
  // At 0 and at 1 one end is the share itself; rounding must not exceed it.
  return [Math.max(0, Math.min(share, centre - half)), Math.min(1, Math.max(share, centre + half))];
}

/** Percentile interval of the mean. The given values, one for each problem, are resampled with replacement. */
export function bootstrapMean(valuesP: readonly number[], rng: Rng): Interval {
  const means = new Float64Array(RESAMPLES);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let sum = 0;
    for (let draw = 0; draw < valuesP.length; draw++) sum += rng.pick(valuesP);
    means[resample] = sum / valuesP.length;
  }
  means.sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

/**
 * Estimates the ratio of two sums over problems, with a percentile interval from problems resampled with replacement. 0 if the denominator is.
 * @param partsP Numerator and denominator of each problem.
 */
export function bootstrapRatio(partsP: readonly (readonly [number, number])[], rng: Rng): Estimate {
  const ratio = (above: number, below: number): number => (below === 0 ? 0 : above / below);
  const ratios = new Float64Array(RESAMPLES);
  for (let resample = 0; resample < RESAMPLES; resample++) {
    let [above, below] = [0, 0];
    for (let draw = 0; draw < partsP.length; draw++) {
      const [ownAbove, ownBelow] = rng.pick(partsP);
      above += ownAbove;
      below += ownBelow;
    }
    ratios[resample] = ratio(above, below);
  }
  ratios.sort();
  const sum = (index: 0 | 1): number => partsP.reduce((total, parts) => total + parts[index], 0);
  return { value: ratio(sum(0), sum(1)), ci95: [quantile(ratios, 0.025), quantile(ratios, 0.975)] };
}

export function shareRight(samples: readonly boolean[]): number {
  if (samples.length === 0) throw new RangeError("shareRight: a problem without samples");
  return samples.filter(Boolean).length / samples.length;
}

/** Spread of figures over samples. Throws a RangeError without any. */
export function spreadOf(values: readonly number[]): Record<"mean" | "p50" | "p95" | "max", number> {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    mean: mean(sorted),
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    max: quantile(sorted, 1),
  };
}
