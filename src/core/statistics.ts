/** The small statistics that several rooms share. */

/** Lower and upper end. */
export type Interval = readonly [low: number, high: number];

/** Linear interpolation between order statistics (type 7). `sorted` ascends and is not empty. */
export function quantile(sorted: ArrayLike<number>, probability: number): number {
  const position = (sorted.length - 1) * probability;
  const below = Math.floor(position);
  const low = sorted[below] ?? Number.NaN;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
  return low + (high - low) * (position - below);
}

export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("mean: no values");
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
