import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createRng } from "./rng.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe("createRng", () => {
  it("gives the same stream for the same seed, and another for another", () => {
    const draws = (seed: number): number[] => {
      const rng = createRng(seed);
      return Array.from({ length: 8 }, () => rng.next());
    };
    expect(draws(5)).toEqual(draws(5));
    expect(new Set([...draws(5), ...draws(6)]).size).toBe(16);
  });

  it("stays within its bounds and reaches both ends", () => {
    const rng = createRng(1);
    const seen = new Set<number>();
    for (let count = 0; count < 2000; count++) {
      const value = rng.next();
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      seen.add(rng.integer(3, 7));
    }
    expect([...seen].sort((left, right) => left - right)).toEqual([3, 4, 5, 6, 7]);
  });

  it("is uniform and normal enough", () => {
    const rng = createRng(7);
    const bins = Array.from({ length: 16 }, () => 0);
    let sum = 0;
    let squares = 0;
    const draws = 32_000;
    for (let count = 0; count < draws; count++) {
      const bin = Math.floor(rng.next() * 16);
      bins[bin] = (bins[bin] ?? 0) + 1;
      const normal = rng.normal();
      sum += normal;
      squares += normal * normal;
    }
    const expected = draws / 16;
    const chiSquare = bins.reduce((total, seen) => total + (seen - expected) ** 2 / expected, 0);
    // 99.99th percentile for 15 degrees of freedom.
    expect(chiSquare).toBeLessThan(44.3);
    expect(Math.abs(sum / draws)).toBeLessThan(0.03);
    expect(Math.abs(squares / draws - 1)).toBeLessThan(0.05);
  });

  it("forks by label without moving, and to streams that differ", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const rng = createRng(seed);
        const first = rng.fork("a").next();
        expect(rng.fork("a").next()).toBe(first);
        expect(rng.fork("b").next()).not.toBe(first);
        expect(rng.next()).toBe(createRng(seed).next());
      }),
    );
  });

  it("shuffles to a permutation and refuses to pick from nothing", () => {
    const items = Array.from({ length: 20 }, (_, index) => index);
    const shuffled = createRng(3).shuffle([...items]);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((left, right) => left - right)).toEqual(items);
    expect(() => createRng(1).pick([])).toThrow(RangeError);
  });
});
