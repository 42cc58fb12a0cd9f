import { describe, expect, it } from "vitest";

import { type CalibrationPoint, dialForShare } from "./calibration.ts";

const point = (bias: number, share: number, reject = 0): CalibrationPoint => ({
  bias,
  reject,
  share,
  shareCi95: [share, share],
  accuracy: 0.5,
  ci95: [0.4, 0.6],
});

describe("dialForShare", () => {
  const points = [point(-4, 0.02), point(0, 0.05), point(2, 0.09)];

  it("is the bias between the two measured points around the share", () => {
    expect(dialForShare(points, 0.035)).toEqual({ bias: expect.closeTo(-2), reject: 0 });
    expect(dialForShare(points, 0.08)).toEqual({ bias: expect.closeTo(1.5), reject: 0 });
    expect(dialForShare(points, 0.05)).toEqual({ bias: 0, reject: 0 });
  });

  it("takes them in the order of their shares, which noise may have changed", () => {
    const noisy = [point(-4, 0.02), point(-2, 0.019), point(0, 0.05)];
    expect(dialForShare(noisy, 0.0195)).toEqual({ bias: expect.closeTo(-3), reject: 0 });
  });

  it("refuses requests where the bias was a step, or was not what differed, and below all points", () => {
    expect(dialForShare([point(-4, 0.001), point(0, 0.05)], 0.02)).toEqual({
      bias: 0,
      reject: expect.closeTo(0.6),
    });
    // From 1/2 granted at .04: .03 takes 3/8.
    const thinned = [point(-4, 0.001), point(-3.9, 0.04, 0.5), point(0, 0.08)];
    expect(dialForShare(thinned, 0.03)).toEqual({ bias: -3.9, reject: expect.closeTo(0.625) });
    expect(dialForShare(thinned, 0.04)).toEqual({ bias: -3.9, reject: 0.5 });
    expect(dialForShare(thinned, 0.06)).toEqual({ bias: 0, reject: expect.closeTo(0.25) });
    expect(dialForShare(points, 0.01)).toEqual({ bias: -4, reject: expect.closeTo(0.5) });
    expect(dialForShare(points, 0)).toEqual({ bias: -4, reject: 1 });
  });

  it("says what was measured when the share is more", () => {
    expect(() => dialForShare(points, 0.3)).toThrow(/30.0% is more than .*up to 9.0%/);
    expect(() => dialForShare(points, 0.3)).toThrow(/calibrate --target-share/);
  });
});
