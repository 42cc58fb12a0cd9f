import { describe, expect, test } from "vitest";

import { createRng } from "../../core/rng.ts";
import { createCloseRule, temperedProbability } from "./close-rule.ts";

const entry = (position: number, logprob: number, argmax = -1) => ({
  position,
  text: "x",
  watchLogprobs: [logprob],
  watchArgmax: argmax,
});

describe("the close", () => {
  test("at temperature 0 it is the argmax, whatever its probability", () => {
    const rule = createCloseRule(0, createRng(1));
    expect(rule.closesAfter(entry(3, Math.log(0.2), 0))).toBe(true);
    expect(rule.closesAfter(entry(3, Math.log(0.49), -1))).toBe(false);
  });

  test("above, it is drawn with its probability, by position", () => {
    for (const [temperature, expected] of [
      [1, 0.2],
      [0.5, 0.04 / (0.04 + 0.64)],
      [2, Math.sqrt(0.2) / (Math.sqrt(0.2) + Math.sqrt(0.8))],
    ] as const) {
      expect(temperedProbability(Math.log(0.2), temperature)).toBeCloseTo(expected, 12);
      const rule = createCloseRule(temperature, createRng(7));
      const draws = Array.from({ length: 20_000 }, (_, at) => rule.closesAfter(entry(at, Math.log(0.2))));
      expect(draws.filter(Boolean).length / draws.length).toBeCloseTo(expected, 1);
      expect(rule.closesAfter(entry(17, Math.log(0.2)))).toBe(draws[17]);
    }
  });

  test("is exact at the ends", () => {
    expect(temperedProbability(0, 1)).toBe(1);
    expect(temperedProbability(-Infinity, 0.6)).toBe(0);
    expect(temperedProbability(-1e-20, 1)).toBe(1);
    expect(temperedProbability(-50, 1)).toBeCloseTo(Math.exp(-50), 30);
  });
});
