import { describe, expect, it } from "vitest";

import { createRng } from "../../core/rng.ts";
import { mean, quantile } from "../../core/statistics.ts";
import { accuracyOf, type OutcomesPS, spreadOf, wilsonInterval } from "./accuracy.ts";
import { compareArms, holmAdjusted, mcnemarExact, newcombeInterval } from "./comparison.ts";
import { coverageAt, majorityAt, passAt, sampleCounts } from "./pass-at.ts";

const single = (right: number, wrong: number): OutcomesPS => [
  ...Array.from({ length: right }, () => [true]),
  ...Array.from({ length: wrong }, () => [false]),
];

describe("wilsonInterval", () => {
  it("equals the values worked out by hand for 8 of 10", () => {
    // z2 = 3.8415; centre (0.8 + 0.19207) / 1.38415; half 1.95996 / 1.38415 * sqrt(0.016 + 0.0096036)
    const [low, high] = wilsonInterval(8, 10);
    expect(low).toBeCloseTo(0.4901625, 6);
    expect(high).toBeCloseTo(0.9433178, 6);
  });

  it("holds the share itself, also where that is 0 or 1", () => {
    for (let trials = 1; trials <= 60; trials++) {
      expect(wilsonInterval(0, trials)[0]).toBe(0);
      expect(wilsonInterval(trials, trials)[1]).toBe(1);
    }
  });

  it("stays within 0 and 1, and is not empty at the ends", () => {
    const [low, high] = wilsonInterval(0, 20);
    expect(low).toBe(0);
    expect(high).toBeCloseTo(0.161125, 5); // z2 / (20 + z2)
    expect(wilsonInterval(20, 20)[1]).toBe(1);
  });
});

describe("accuracyOf", () => {
  it("is the share of right samples with Wilson's interval for one sample a problem", () => {
    const estimate = accuracyOf(single(8, 2), createRng(1));
    expect(estimate.value).toBeCloseTo(0.8);
    expect(estimate.ci95).toEqual(wilsonInterval(8, 10));
  });

  it("resamples problems, not samples: copies of a sample add no certainty", () => {
    const once = accuracyOf(single(50, 50), createRng(1)).ci95;
    const copied: OutcomesPS = single(50, 50).map(([correct = false]) =>
      Array.from({ length: 8 }, () => correct),
    );
    const clustered = accuracyOf(copied, createRng(1)).ci95;
    expect(clustered[1] - clustered[0]).toBeGreaterThan(0.9 * (once[1] - once[0]));
  });

  it("is the same for the same seed and falls back to Wilson where all problems agree", () => {
    const mixed: OutcomesPS = [
      [true, false],
      [true, true],
      [false, false],
    ];
    expect(accuracyOf(mixed, createRng(3))).toEqual(accuracyOf(mixed, createRng(3)));
    const all: OutcomesPS = [
      [true, true],
      [true, true],
    ];
    expect(accuracyOf(all, createRng(3)).ci95).toEqual(wilsonInterval(2, 2));
  });

  it("refuses to average nothing", () => {
    expect(() => accuracyOf([], createRng(1))).toThrow(RangeError);
    expect(() => accuracyOf([[]], createRng(1))).toThrow(RangeError);
  });
});

describe("compareArms", () => {
  it("gives Newcombe's published example (36, 12, 2, 0)", () => {
    const [low, high] = newcombeInterval({ both: 36, onlyFirst: 12, onlySecond: 2, neither: 0 });
    expect(low).toBeCloseTo(0.0569, 4);
    expect(high).toBeCloseTo(0.3404, 4);
  });

  it("gives McNemar's exact p-values worked out by hand", () => {
    expect(mcnemarExact(0, 0)).toBe(1);
    expect(mcnemarExact(5, 0)).toBeCloseTo(2 / 32, 12);
    expect(mcnemarExact(8, 2)).toBeCloseTo((2 * (1 + 10 + 45)) / 1024, 12);
    expect(mcnemarExact(3, 3)).toBe(1);
    expect(mcnemarExact(900, 100)).toBeLessThan(1e-100);
  });

  it("pairs by problem", () => {
    const first = single(48, 2);
    const second: OutcomesPS = first.map((samples, problem) => (problem < 12 ? [false] : samples));
    const comparison = compareArms(first, second, createRng(1));
    expect(comparison.difference).toBeCloseTo(12 / 50);
    expect(comparison.pValue).toBeCloseTo(2 / 4096, 12);
    expect(comparison.method).toBe("newcombe-mcnemar");
    expect(() => compareArms(first, second.slice(1), createRng(1))).toThrow(RangeError);
  });

  it("bootstraps and flips signs for several samples", () => {
    const first: OutcomesPS = Array.from({ length: 40 }, () => [true, true, false, true]);
    const second: OutcomesPS = Array.from({ length: 40 }, (_, problem) => [
      true,
      problem % 2 === 0,
      false,
      false,
    ]);
    const comparison = compareArms(first, second, createRng(5));
    expect(comparison.difference).toBeCloseTo(0.375);
    expect(comparison.ci95[0]).toBeGreaterThan(0.3);
    expect(comparison.ci95[1]).toBeLessThan(0.45);
    expect(comparison.pValue).toBeLessThan(0.001);
    expect(compareArms(first, first, createRng(5)).pValue).toBe(1);
  });
});

describe("Holm's adjustment", () => {
  it("equals the values worked out by hand, in the order given", () => {
    // Sorted .005, .01, .03, .04 times 4, 3, 2, 1: .02, .03, .06, .04, of which the last may not fall below the one before.
    const adjusted = holmAdjusted([0.01, 0.04, 0.03, 0.005]);
    expect(adjusted).toHaveLength(4);
    for (const [index, value] of [0.03, 0.06, 0.06, 0.02].entries()) {
      expect(adjusted[index]).toBeCloseTo(value, 12);
    }
    expect(holmAdjusted([0.7, 0.6])).toEqual([1, 1]);
    expect(holmAdjusted([])).toEqual([]);
  });
});

describe("pass@k, cov@k and maj@k", () => {
  it("count in powers of two", () => {
    expect(sampleCounts(1)).toEqual([1]);
    expect(sampleCounts(4)).toEqual([1, 2, 4]);
    expect(sampleCounts(6)).toEqual([1, 2, 4, 6]);
  });

  it("equal the hypergeometric values worked out by hand", () => {
    // 4 samples, 1 right: 1 - C(3,2)/C(4,2) = 1/2
    expect(passAt([[true, false, false, false]], 2)[0]).toBeCloseTo(0.5, 12);
    expect(passAt([[true, false, false, false]], 4)).toEqual([1]);
    const halfAndNone = [
      [true, false],
      [false, false],
    ];
    expect(passAt(halfAndNone, 1)).toEqual([0.5, 0]);
  });

  it("cover by the first k samples, and on average over their orders as pass@k says", () => {
    const samples = [false, true, false, false, true, false];
    expect(coverageAt([samples], 1)).toEqual([0]);
    expect(coverageAt([samples], 2)).toEqual([1]);
    expect(coverageAt([[false, false], []], 2)).toEqual([0, 0]);
    for (const k of [1, 2, 4, 6]) {
      const orders = Array.from({ length: 4000 }, (_, seed) => createRng(seed).shuffle([...samples]));
      const [expected = Number.NaN] = passAt([samples], k);
      expect(Math.abs(mean(coverageAt(orders, k)) - expected)).toBeLessThan(0.03);
    }
  });

  it("take the most frequent answer, share ties and let no answer abstain", () => {
    const right = { answer: "7", correct: true };
    const wrong = { answer: "8", correct: false };
    const none = { answer: null, correct: false };
    expect(majorityAt([[right, wrong, right]], 3)).toEqual([1]);
    expect(majorityAt([[right, wrong]], 2)).toEqual([0.5]);
    expect(majorityAt([[none, none, right]], 3)).toEqual([1]);
    expect(majorityAt([[none, none]], 2)).toEqual([0]);
    expect(majorityAt([[wrong, right, right]], 1)).toEqual([0]);
  });
});

describe("quantile", () => {
  it("interpolates between order statistics", () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([1, 2, 3, 4], 1)).toBe(4);
    expect(quantile([5], 0.3)).toBe(5);
    expect(spreadOf([3, 1, 2])).toEqual({ mean: 2, p50: 2, p95: 2.9, max: 3 });
  });
});
