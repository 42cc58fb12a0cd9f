/**
 * Accuracy with a 95% interval. `P` is the axis of problems, `S` that of samples of one problem. Samples of one problem are
 * not independent, so problems are what is resampled.
 */
import type { Rng } from "../../core/rng.ts";
import { type Interval, mean, quantile } from "../../core/statistics.ts";

/** Whether each sample is right: one row a problem, one column a sample. */
export type OutcomesPS = readonly (readonly boolean[])[];

export interface Estimate {
  readonly value: number;
  readonly ci95: Interval;
}

/** The standard normal's 97.5% quantile. */
const Z95 = 1.959963984540054;

const RESAMPLES = 2000;

/** The mean over problems of each problem's share of right samples, as {@link meanOverProblems} estimates it. */
export function accuracyOf(correctPS: OutcomesPS, rng: Rng): Estimate {
  return meanOverProblems(correctPS.map(shareRight), rng);
}

/**
 * The mean of one value from 0 to 1 for each problem. All of them 0 or 1: Wilson's score interval. Else: percentile bootstrap over
 * problems; where all have the same value there is nothing to resample, and Wilson's interval over the number of problems stands in.
 * Throws a RangeError when there is no problem.
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
  const z2 = Z95 * Z95;
  const centre = (share + z2 / (2 * trials)) / (1 + z2 / trials);
  const half =
    (Z95 / (1 + z2 / trials)) * Math.sqrt((share * (1 - share)) / trials + z2 / (4 * trials * trials));
  // At 0 and at 1 an end is the share itself, but for rounding.
  return [Math.max(0, Math.min(share, centre - half)), Math.min(1, Math.max(share, centre + half))];
}

/** Percentile interval of the mean, resampling the given values (one a problem) with replacement. */
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
 * The ratio of two sums over problems with a percentile interval, resampling problems with replacement; 0 where nothing is below the line.
 * @param partsP Of each problem: above and below the line.
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

/** Of figures over samples. Throws a RangeError when there are none. */
export function spreadOf(values: readonly number[]): Record<"mean" | "p50" | "p95" | "max", number> {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    mean: mean(sorted),
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    max: quantile(sorted, 1),
  };
}
