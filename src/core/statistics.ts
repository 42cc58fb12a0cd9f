/** The small statistics that several rooms share. */

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

/** The standard normal's 97.5% quantile. */
export const NORMAL_975 = 1.959963984540054;

/** Linear interpolation between order statistics (type 7). `sorted` ascends and is not empty. */
export function quantile(sorted: ArrayLike<number>, probability: number): number {
  const position = (sorted.length - 1) * probability;
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  return low + (high - low) * (position - below);
}

/** The median of values in any order; not empty. */
export const median = (values: readonly number[]): number =>
  quantile(
    values.toSorted((left, right) => left - right),
    0.5,
  );

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("mean: no values");
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
