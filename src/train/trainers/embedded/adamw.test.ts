import { describe, expect, it } from "vitest";

import type { AdamParameters } from "../../trainer.ts";
import { adamwStep, createAdamState, globalNorm } from "./adamw.ts";

const adam: AdamParameters = {
  learningRate: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-3,
  weightDecay: 0.5,
  clipNorm: 2.5,
};

describe("AdamW", () => {
  it("makes the two steps that were worked out by hand", () => {
    const weights = Float32Array.of(1, -2);
    const state = createAdamState(2);
    const ranges = [
      { start: 0, end: 1, decayed: true },
      { start: 1, end: 2, decayed: false },
    ];
    // Norm 5 is clipped to 2.5: the gradients become 1.5 and 2. After bias correction m = g and v = g^2, so that the
    // update is g / (|g| + epsilon); the first weight decays by 0.1 * 0.5.
    expect(adamwStep(weights, Float32Array.of(3, 4), state, ranges, adam)).toBe(5);
    expect(weights[0]).toBeCloseTo(0.95 - (0.1 * 1.5) / 1.501, 6);
    expect(weights[1]).toBeCloseTo(-2 - (0.1 * 2) / 2.001, 6);
    expect(state.firstMoments[0]).toBeCloseTo(0.15, 7);
    expect(state.secondMoments[0]).toBeCloseTo(0.0225, 8);
    // Not clipped: m = 0.9 * 0.15 + 0.1 * -1 = 0.035, v = 0.99 * 0.0225 + 0.01 = 0.032275, corrected by 0.19 and 0.0199.
    const before = weights[0]!;
    expect(adamwStep(weights, Float32Array.of(-1, 0), state, ranges, adam)).toBe(1);
    expect(weights[0]).toBeCloseTo(
      before * 0.95 - (0.1 * (0.035 / 0.19)) / (Math.sqrt(0.032275 / 0.0199) + 1e-3),
      6,
    );
    expect(state.step).toBe(2);
  });

  it("does not clip when the limit is 0", () => {
    const state = createAdamState(1);
    adamwStep(new Float32Array(1), Float32Array.of(100), state, [{ start: 0, end: 1, decayed: true }], {
      ...adam,
      clipNorm: 0,
    });
    expect(state.firstMoments[0]).toBeCloseTo(10, 5);
  });

  it("changes nothing when a gradient is not finite", () => {
    const weights = Float32Array.of(1, 2);
    const state = createAdamState(2);
    const step = () =>
      adamwStep(weights, Float32Array.of(1, Number.NaN), state, [{ start: 0, end: 2, decayed: true }], adam);
    expect(step).toThrow(/diverged.*learning rate/);
    expect([...weights, state.step]).toEqual([1, 2, 0]);
  });

  it("sums squares of any number of elements", () => {
    for (let length = 0; length < 9; length++) {
      expect(globalNorm(new Float32Array(length).fill(2))).toBeCloseTo(2 * Math.sqrt(length), 12);
    }
  });
});
