/** A distribution with exact medians, in eight bytes a value. */

export interface Summary {
  readonly count: number;
  /** Absent, like the other figures, where there is no value. */
  readonly mean?: number;
  readonly median?: number;
  readonly p90?: number;
  readonly min?: number;
  readonly max?: number;
}

export interface Histogram {
  /** Bin i is `edges[i]` to `edges[i + 1]`, end exclusive. The last bin also holds all larger values. */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** Edges for lengths in tokens: 1, 2, 3 to 4, 5 to 8, ..., powers of two. */
export const LENGTH_EDGES: readonly number[] = [
  0, 1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025, 2049, 4097,
];

export class Distribution {
  #values = new Float64Array(64);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const wider = new Float64Array(this.#count * 2);
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[this.#count] = value;
    this.#count += 1;
  }

  /** The median of an even number of values is the mean of the two in the middle; p90 is the nearest rank. */
  summary(): Summary {
    const sorted = this.#values.slice(0, this.#count).sort();
    const at = (index: number): number => sorted[index] ?? 0;
    if (sorted.length === 0) return { count: 0 };
    const middle = sorted.length / 2;
    let sum = 0;
    for (const value of sorted) sum += value;
    return {
      count: sorted.length,
      mean: sum / sorted.length,
      median: Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle)),
      p90: at(Math.ceil(0.9 * sorted.length) - 1),
      min: at(0),
      max: at(sorted.length - 1),
    };
  }

  histogram(edges: readonly number[]): Histogram {
    const counts = Array.from({ length: edges.length - 1 }, () => 0);
    for (const value of this.#values.subarray(0, this.#count)) {
      let bin = counts.length - 1;
      while (bin > 0 && value < (edges[bin] ?? 0)) bin -= 1;
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return { edges, counts };
  }
}
