import { describe, expect, test } from "vitest";

import { createRng } from "../../core/rng.ts";
import { paretoFront } from "./pareto.ts";
import { RatioTally, studentT975 } from "./ratio.ts";

describe("ratio", () => {
  test("Student's t is that of the tables", () => {
    // Quantiles of scipy.stats.t.ppf(0.975, freedom).
    for (const [freedom, quantile] of [
      [1, 12.706],
      [5, 2.571],
      [6, 2.447],
      [10, 2.228],
      [30, 2.042],
      [1000, 1.962],
    ] as const) {
      expect(studentT975(freedom)).toBeCloseTo(quantile, 3);
    }
  });

  test("by hand: three problems of two samples", () => {
    const tally = new RatioTally();
    for (const [problem, above] of [2, 4, 9].entries()) {
      tally.add(problem, above / 2, 1);
      tally.add(problem, above / 2, 1);
    }
    // Sums 2, 4, 9 over 2 each: ratio 2.5; residuals -3, -1, 4; s² = 26 / 2; error √(13 · 3) / 6 · 4.303.
    const { value, ci95 } = tally.estimate() ?? { value: 0 };
    expect(value).toBe(2.5);
    expect(ci95?.[1]).toBeCloseTo(2.5 + (Math.sqrt(39) / 6) * 4.303, 9);
    expect(ci95?.[0]).toBe(0);
  });

  test("nothing, one problem, and no spread", () => {
    expect(new RatioTally().estimate()).toBeUndefined();
    const one = new RatioTally();
    one.add(3, 1, 2);
    expect(one.estimate()).toEqual({ value: 0.5 });
    one.add(0, 2, 4);
    expect(one.estimate([0, 1])).toEqual({ value: 0.5, ci95: [0.5, 0.5] });
  });

  test("covers the truth about 95 times in a hundred", () => {
    const rng = createRng(4);
    let covered = 0;
    const trials = 800;
    for (let trial = 0; trial < trials; trial++) {
      const tally = new RatioTally();
      for (let problem = 0; problem < 40; problem++) {
        const difficulty = 100 + 300 * rng.next();
        for (let sample = 0; sample < 4; sample++) {
          const all = difficulty + 50 * rng.next();
          tally.add(problem, all * (0.05 + 0.1 * (difficulty / 400) * rng.next()), all);
        }
      }
      // E[above] / E[below], with difficulty D uniform on 100..400 and E[all | D] = D + 25.
      const below = 275;
      const square = (400 ** 3 - 100 ** 3) / 3 / 300;
      const above = 0.05 * below + (0.05 / 400) * (square + 25 * 250);
      const [low, high] = tally.estimate()?.ci95 ?? [0, 0];
      if (low <= above / below && above / below <= high) covered += 1;
    }
    expect(covered / trials).toBeGreaterThan(0.92);
    expect(covered / trials).toBeLessThan(0.98);
  });
});

describe("Pareto front", () => {
  const front = (...points: [accuracy: number, price: number | undefined][]) =>
    paretoFront(points.map(([accuracy, price]) => ({ accuracy, price })));

  test("by hand", () => {
    expect(front([0.1, 0], [0.9, 0.05], [0.2, 0.05], [0.95, 1])).toEqual([0, 1, 3]);
    expect(front([0.9, 1], [0.9, 0.5])).toEqual([1]);
    expect(front([0.9, undefined], [0.1, 2])).toEqual([1]);
    expect(front()).toEqual([]);
  });

  test("equal points are on it together", () => {
    expect(front([0.5, 0], [0.5, 0], [0.4, 0])).toEqual([0, 1]);
  });
});
