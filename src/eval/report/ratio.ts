/** Estimates the ratio of two sums over samples, with an interval. It keeps sums for each problem, so memory does not grow with samples. */
import { NORMAL_975 as Z } from "../../core/statistics.ts";
import type { Measured } from "./document.ts";

/** Student's t, 97.5% quantile, for 1 to 10 degrees of freedom. Above 10, an expansion in powers of 1 / freedom is right to three decimals. */
const T_TABLE = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

export function studentT975(freedom: number): number {
  const tabled = T_TABLE[freedom - 1];
  if (tabled !== undefined) return tabled;
  const second = (Z ** 3 + Z) / 4;
  const third = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96;
  const fourth = (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384;
  return Z + second / freedom + third / freedom ** 2 + fourth / freedom ** 3;
}

/**
 * Sums by problem: the samples of one problem are not independent. The interval is that of the linearised ratio (Cochran, Sampling Techniques,
 * 6.4) with Student's t. It is absent for fewer than two problems.
 */
export class RatioTally {
  #above: number[] = [];
  #below: number[] = [];

  /** `problem` counts from 0. */
  add(problem: number, above: number, below: number): void {
    while (this.#above.length <= problem) {
      this.#above.push(0);
      this.#below.push(0);
    }
    this.#above[problem] = (this.#above[problem] ?? 0) + above;
    this.#below[problem] = (this.#below[problem] ?? 0) + below;
  }

  /** The sum of the numerators. */
  total(): number {
    return this.#above.reduce((sum, part) => sum + part, 0);
  }

  /** A weighted sum of this and another tally over the same samples. */
  combined(other: RatioTally, weight: number, otherWeight: number): RatioTally {
    const sum = new RatioTally();
    for (const [problem, below] of this.#below.entries()) {
      const above = weight * (this.#above[problem] ?? 0) + otherWeight * (other.#above[problem] ?? 0);
      sum.add(problem, above, below);
    }
    return sum;
  }

  /** Undefined if the denominators are 0. The interval stays within `bounds`. */
  estimate(bounds: readonly [number, number] = [0, Number.POSITIVE_INFINITY]): Measured | undefined {
    let [above, below, problems] = [0, 0, 0];
    for (const [problem, part] of this.#below.entries()) {
      const own = this.#above[problem] ?? 0;
      if (part === 0 && own === 0) continue;
      problems += 1;
      above += own;
      below += part;
    }
    if (below === 0) return undefined;
    const value = above / below;
    if (problems < 2) return { value };
    let squares = 0;
    for (const [problem, part] of this.#below.entries()) {
      squares += ((this.#above[problem] ?? 0) - value * part) ** 2;
    }
    const error = (Math.sqrt((squares / (problems - 1)) * problems) / below) * studentT975(problems - 1);
    return { value, ci95: [Math.max(bounds[0], value - error), Math.min(bounds[1], value + error)] };
  }
}
