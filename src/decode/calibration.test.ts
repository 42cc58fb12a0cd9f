import { describe, expect, it } from "vitest";

import { biasForShare, type CalibrationPoint } from "./calibration.ts";

const point = (bias: number, share: number): CalibrationPoint => ({
  bias,
  share,
  accuracy: 0.5,
  ci95: [0.4, 0.6],
});

describe("biasForShare", () => {
  const points = [point(-4, 0.01), point(0, 0.05), point(2, 0.09)];

  it("lies between the two measured points around the share", () => {
    expect(biasForShare(points, 0.03)).toBeCloseTo(-2);
    expect(biasForShare(points, 0.08)).toBeCloseTo(1.5);
    expect(biasForShare(points, 0.05)).toBe(0);
  });

  it("leaves out points that fall back", () => {
    expect(biasForShare([point(-4, 0.01), point(-2, 0.005), point(0, 0.05)], 0.03)).toBeCloseTo(-2);
  });

  it("says what was measured when the share was not", () => {
    expect(() => biasForShare(points, 0.3)).toThrow(/30.0% lies outside .*1.0% to 9.0%/);
    expect(() => biasForShare(points, 0.001)).toThrow(/calibrate --target-share/);
  });
});
