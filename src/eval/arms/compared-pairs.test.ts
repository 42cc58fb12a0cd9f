import { expect, it } from "vitest";

import { parseArms } from "./arms.ts";
import { bestControl, comparedPairs } from "./compared-pairs.ts";

const pairs = (arms: string, control?: string): string[] =>
  comparedPairs(parseArms(arms), control).map((pair) => pair.join(" - "));

it("sets the method against the best control, against chance and against the big model", () => {
  expect(pairs("small,never,self,learned,random:0.05,random~learned,big", "never")).toEqual([
    "learned - never",
    "learned - random:0.05",
    "learned - random~learned",
    "learned - big",
  ]);
  expect(pairs("small,big,random:0.1", "small")).toEqual([]);
});

it("does not compare with an arm that writes what another one writes", () => {
  expect(pairs("never,learned,speculative,big", "never")).toEqual(["learned - never", "learned - big"]);
  expect(pairs("never,learned,speculative", "never")).toEqual(["learned - never", "learned - speculative"]);
});

it("chooses the control that is right most often, the first of equals", () => {
  const arm = (name: string, accuracy: number) => ({ name, accuracy });
  expect(bestControl([arm("self", 0.2), arm("small", 0.3), arm("never", 0.3), arm("big", 1)])).toBe("small");
  expect(bestControl([arm("big", 1)])).toBeUndefined();
});
