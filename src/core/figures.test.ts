import { expect, test } from "vitest";

import { dollars, duration, finePercent, operations, points, pValueText } from "./figures.ts";

test("figures for people", () => {
  expect([0, 0.0454, 1].map(finePercent)).toEqual(["0%", "4.54%", "100%"]);
  expect([0, 0.0000123456, 0.5, 12].map(dollars)).toEqual(["$0", "$0.0000123", "$0.5", "$12.00"]);
  expect([0, 12, 61_020_288, 3.2e15].map(operations)).toEqual(["0", "12.0", "61.0 M", "3.20 P"]);
  expect([0.885, -0.034].map(points)).toEqual(["+88.5", "-3.4"]);
  expect([9.5, 850, 4200, 200_000, 7_500_000].map(duration)).toEqual([
    "9.5 ms",
    "850 ms",
    "4.2 s",
    "3 min 20 s",
    "2 h 05 min",
  ]);
  expect([0.0001, 0.04].map(pValueText)).toEqual(["p < 0.001", "p = 0.040"]);
});
