import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { placeLabels } from "./labels.ts";
import { accuracyScale, linearScale, logScale } from "./scales.ts";

describe("scales", () => {
  test("by hand", () => {
    expect(linearScale(0, 0.075)).toMatchObject({ domain: [0, 0.08], ticks: [0, 0.02, 0.04, 0.06, 0.08] });
    expect(logScale(0.6, 12).ticks).toEqual([0.5, 1, 2, 5, 10, 20]);
    expect(
      accuracyScale([
        [0.02, 0.1],
        [0.9, 1],
      ]).domain,
    ).toEqual([0, 1]);
    expect(
      accuracyScale([
        [0.91, 0.93],
        [0.96, 0.99],
      ]).domain,
    ).toEqual([0.9, 1]);
  });

  test("cover what they are asked to, in few ticks", () => {
    const value = fc.double({ min: 1e-9, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(value, fc.double({ min: 1.0001, max: 1e6, noNaN: true }), (low, times) => {
        for (const scale of [
          linearScale(0, low * times),
          linearScale(low, low * times),
          logScale(low, low * times),
        ]) {
          expect(scale.at(low * times)).toBeLessThanOrEqual(1 + 1e-6);
          if (scale.domain[0] > 0) expect(scale.at(low)).toBeGreaterThanOrEqual(-1e-6);
          expect(scale.ticks.length).toBeGreaterThan(1);
          expect(scale.ticks.length).toBeLessThan(12);
        }
      }),
    );
  });
});

describe("labels", () => {
  const bounds = { left: 40, right: 600, top: 0, bottom: 340 };
  const dot = fc.record({
    x: fc.integer({ min: 45, max: 590 }),
    y: fc.integer({ min: 5, max: 335 }),
    name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }),
    strong: fc.boolean(),
  });

  test("stay inside, cover neither each other nor a dot; a name without room is told", () => {
    fc.assert(
      fc.property(fc.array(dot, { maxLength: 25 }), (dots) => {
        const { labels, unplaced } = placeLabels(dots, [], bounds, 13);
        const boxes = labels.map(({ text, x, y, anchor }) => {
          const width = text.length * 13 * 0.56;
          const left = anchor === "start" ? x : anchor === "end" ? x - width : x - width / 2;
          return { left, right: left + width, top: y - 13, bottom: y + 3 };
        });
        for (const [index, box] of boxes.entries()) {
          expect(box.left).toBeGreaterThanOrEqual(bounds.left);
          expect(box.right).toBeLessThanOrEqual(bounds.right);
          for (const other of boxes.slice(index + 1)) {
            const apart =
              box.left >= other.right ||
              other.left >= box.right ||
              box.top >= other.bottom ||
              other.top >= box.bottom;
            expect(apart).toBe(true);
          }
          for (const { x, y } of dots) {
            expect(x > box.left && x < box.right && y > box.top && y < box.bottom).toBe(false);
          }
        }
        if (dots.length > 0) expect(labels.length + unplaced.length).toBeGreaterThan(0);
      }),
    );
  });

  test("names in one place share a label, and a few are counted", () => {
    const at = (name: string) => ({ x: 100, y: 100, name, strong: false });
    expect(placeLabels(["a", "b"].map(at), [], bounds, 13).labels[0]?.text).toBe("a, b");
    expect(placeLabels(["a", "b", "c", "d", "d"].map(at), [], bounds, 13).labels[0]?.text).toBe(
      "a, b, c and 1 more",
    );
  });
});
