import { describe, expect, it } from "vitest";

import { SpeedCurve } from "./speed-curve.ts";

describe("SpeedCurve", () => {
  const curve = new SpeedCurve([
    { contextTokens: 200, tokensPerSecond: 250 },
    { contextTokens: 100, tokensPerSecond: 500 },
  ]);

  it("adds up what tokens cost where they stand", () => {
    // 2 ms up to 100, from there linear to 4 ms at 200, then 4 ms.
    expect(curve.milliseconds(0, 50)).toBeCloseTo(100, 9);
    expect(curve.milliseconds(100, 100)).toBeCloseTo(300, 9);
    expect(curve.milliseconds(50, 100)).toBeCloseTo(50 * 2 + 50 * 2.5, 9);
    expect(curve.milliseconds(250, 10)).toBeCloseTo(40, 9);
    expect(curve.milliseconds(120, 0)).toBe(0);
  });

  it("costs the same in one run and in several", () => {
    const whole = curve.milliseconds(30, 400);
    let parts = 0;
    for (let at = 30; at < 430; at += 37) parts += curve.milliseconds(at, Math.min(37, 430 - at));
    expect(parts).toBeCloseTo(whole, 6);
  });

  it("takes one speed for all contexts, and knows how far several reach", () => {
    expect(new SpeedCurve([{ contextTokens: 0, tokensPerSecond: 100 }]).milliseconds(9000, 3)).toBeCloseTo(
      30,
    );
    expect(new SpeedCurve([{ contextTokens: 0, tokensPerSecond: 100 }]).longestContext).toBe(Infinity);
    expect(curve.longestContext).toBe(200);
  });
});
