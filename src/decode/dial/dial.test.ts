import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createRng } from "../../core/rng.ts";
import { Gate, dialSchema } from "./dial.ts";

const gate = (dial: object): Gate => new Gate(dialSchema.parse(dial), createRng(1));

describe("the budget", () => {
  test("leaves exactly as many tokens as keep the share, after every token", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }).map((percent) => percent / 100),
        fc.nat({ max: 20 }),
        fc.nat({ max: 3000 }),
        fc.nat({ max: 500 }),
        (budget, budgetGrace, smallTokens, bigTokens) => {
          const left = gate({ budget, budgetGrace }).budgetLeft({ smallTokens, bigTokens });
          if (budget === 1) {
            expect(left).toBe(Infinity);
            return;
          }
          const grace = budget === 0 ? 0 : budgetGrace;
          const fits = (more: number): boolean =>
            bigTokens + more <= Math.max(grace, budget * (smallTokens + bigTokens + more)) + 1e-6;
          expect(left === 0 || fits(left)).toBe(true);
          expect(fits(left + 1)).toBe(false);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("a tenth of 90 small tokens is 10 big ones", () => {
    expect(gate({ budget: 0.1 }).budgetLeft({ smallTokens: 90, bigTokens: 0 })).toBe(10);
    expect(gate({ budget: 0.1 }).budgetLeft({ smallTokens: 89, bigTokens: 0 })).toBe(9);
    expect(gate({ budget: 0.1 }).budgetLeft({ smallTokens: 90, bigTokens: 7 })).toBe(3);
    expect(gate({ budget: 0.1, budgetGrace: 12 }).budgetLeft({ smallTokens: 0, bigTokens: 7 })).toBe(5);
  });

  test("the tighter of budget and segment cap ends a segment", () => {
    const spent = { smallTokens: 90, bigTokens: 0 };
    expect(gate({ budget: 0.1, maxSegmentTokens: 4 }).allowance(spent)).toEqual({
      tokens: 4,
      reason: "segment-limit",
    });
    expect(gate({ budget: 0.1, maxSegmentTokens: 40 }).allowance(spent)).toEqual({
      tokens: 10,
      reason: "budget",
    });
  });
});

describe("requests", () => {
  const spent = { smallTokens: 100, bigTokens: 0 };

  test("reject refuses its share of them, the same ones for a seed", () => {
    const answers = (): (string | undefined)[] => {
      const one = gate({ reject: 0.3 });
      return Array.from({ length: 2000 }, () => one.refuseRequest(spent, "big"));
    };
    const refused = answers().filter((answer) => answer === "reject").length;
    expect(refused / 2000).toBeCloseTo(0.3, 1);
    expect(answers()).toEqual(answers());
    expect(gate({ reject: 0 }).refuseRequest(spent, "big")).toBeUndefined();
    expect(gate({ reject: 1 }).refuseRequest(spent, "big")).toBe("reject");
  });

  test("a span of the small model's own costs no budget", () => {
    expect(gate({ budget: 0.001 }).refuseRequest(spent, "big")).toBe("budget");
    expect(gate({ budget: 0.001 }).refuseRequest(spent, "self")).toBeUndefined();
  });

  test("is shut when no request can be granted any more", () => {
    const one = gate({ maxSegments: 1 });
    expect(one.shut).toBe(false);
    one.countSegment();
    expect(one.shut).toBe(true);
    expect(one.refuseScheduled(spent)).toBe("segments");
    expect(gate({ budget: 0 }).shut).toBe(true);
  });
});

test("what is not on the dial is refused", () => {
  expect(() => dialSchema.parse({ budget: 1.1 })).toThrow();
  expect(() => dialSchema.parse({ budgt: 1 })).toThrow(/budgt/);
});
