import { describe, expect, it } from "vitest";

import type { CalibrationPoint, ShareDial } from "../../decode/dial/calibration.ts";
import { searchShares } from "./search.ts";

/** A model whose share at a bias is known, and which asks again after one refusal in five. */
function measured(shareAt: (bias: number) => number) {
  const asked: ShareDial[] = [];
  const measure = async ({ bias, reject }: ShareDial): Promise<CalibrationPoint> => {
    asked.push({ bias, reject });
    const share = shareAt(bias) * (1 - reject * (1 - 0.2 * (1 - reject)));
    return { bias, reject, share, shareCi95: [share, share], accuracy: share, ci95: [share, share] };
  };
  return { measure, asked };
}

const smooth = (bias: number): number => 0.3 / (1 + Math.exp(-(bias + 1) / 2));
/** Sure of its tags: nothing below -9.3 nats, all above. */
const step = (bias: number): number => (bias < -9.3 ? 0 : bias > 4 ? 0.2 : 0.06);

describe("searchShares", () => {
  it("finds a share by the bias alone where the share follows it", async () => {
    for (const targetShare of [0.01, 0.05, 0.12, 0.2, 0.28]) {
      const { measure, asked } = measured(smooth);
      const { chosen, points } = await searchShares({ measure, canBias: true, targetShare });
      expect(Math.abs((chosen?.share ?? 0) - targetShare)).toBeLessThanOrEqual(0.05 * targetShare);
      expect(points.every(({ reject }) => reject === 0)).toBe(true);
      expect(asked.length).toBeLessThan(16);
      expect(new Set(asked.map((dial) => JSON.stringify(dial))).size).toBe(asked.length);
    }
  });

  it("refuses requests where the bias is a step", async () => {
    for (const targetShare of [0.01, 0.03, 0.05]) {
      const { measure, asked } = measured(step);
      const { chosen } = await searchShares({ measure, canBias: true, targetShare });
      expect(Math.abs((chosen?.share ?? 0) - targetShare)).toBeLessThanOrEqual(0.05 * targetShare);
      expect(chosen?.reject).toBeGreaterThan(0);
      expect(asked.length).toBeLessThan(24);
    }
  });

  it("refuses requests where the engine cannot bias", async () => {
    const { measure, asked } = measured(smooth);
    const { chosen } = await searchShares({ measure, canBias: false, targetShare: 0.03 });
    expect(chosen?.share).toBeCloseTo(0.03, 2);
    expect(asked.every(({ bias }) => bias === 0)).toBe(true);
    await expect(
      searchShares({ measure: measured(smooth).measure, canBias: false, targetShare: 0.29 }),
    ).rejects.toThrow(/29.0% is more than was measured/);
  });

  it("measures a curve when no share is wanted, in the order of the share", async () => {
    const { measure } = measured(smooth);
    const { points, chosen } = await searchShares({ measure, canBias: true });
    expect(chosen).toBeUndefined();
    const shares = points.map(({ share }) => share);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    const learned = smooth(0);
    for (const part of [0.25, 0.5, 0.75, 1]) {
      const wanted = part * learned;
      expect(shares.some((share) => Math.abs(share - wanted) <= 0.2 * wanted)).toBe(true);
    }
  });

  it("says so when a share is more than the model asks for", async () => {
    await expect(
      searchShares({ measure: measured(smooth).measure, canBias: true, targetShare: 0.5 }),
    ).rejects.toThrow(/at a bias of 48 nats the share is 30.0%: 50.0% is more/);
    await expect(
      searchShares({ measure: measured(() => 0).measure, canBias: true, targetShare: 0.05 }),
    ).rejects.toThrow(/the share is 0.0%/);
  });
});
