import { describe, expect, it } from "vitest";

import { createRng } from "../core/rng.ts";
import { estimate, lineThrough } from "./estimates.ts";

describe("lineThrough", () => {
  it("tells what a call costs from what a token costs", () => {
    const { fixedMs, tokenMs } = lineThrough(
      [10, 20, 50].map((tokens) => ({ tokens, ms: 3 + 0.5 * tokens })),
    );
    expect(fixedMs).toBeCloseTo(3, 9);
    expect(tokenMs).toBeCloseTo(0.5, 9);
  });

  it("never says that a call or a token gives time back", () => {
    expect(
      lineThrough([
        { tokens: 10, ms: 1 },
        { tokens: 20, ms: 9 },
      ]),
    ).toEqual({ fixedMs: 0, tokenMs: 5 / 15 });
    expect(
      lineThrough([
        { tokens: 10, ms: 9 },
        { tokens: 20, ms: 6 },
      ]),
    ).toEqual({ fixedMs: 0, tokenMs: 0.5 });
    expect(lineThrough([{ tokens: 4, ms: -1 }]).tokenMs).toBeGreaterThan(0);
  });
});

describe("estimate", () => {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;

  it("has an interval around the value, narrower for more rounds", () => {
    const widthOf = (count: number): number => {
      const rng = createRng(5);
      const { value, ci95 } = estimate(
        Array.from({ length: count }, () => 10 + rng.normal()),
        mean,
        createRng(1),
      );
      const [low = NaN, high = NaN] = ci95 ?? [];
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
      return high - low;
    };
    // Of the mean of n draws of spread 1: about 3.9 / sqrt(n).
    expect(widthOf(400)).toBeCloseTo(0.2, 1);
    expect(widthOf(400)).toBeLessThan(widthOf(16));
  });

  it("says nothing of the spread of a single round", () => {
    expect(estimate([7], mean, createRng(1))).toEqual({ value: 7 });
  });
});
