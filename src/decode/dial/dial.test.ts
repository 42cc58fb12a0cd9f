import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { createRng } from "../../core/rng.ts";
import { Gate, dialSchema } from "./dial.ts";

const gate = (dial: object): Gate =>
  new Gate(dialSchema.parse({ hard: true, ...dial }), createRng(1), { tokens: 0, spanTokens: 8 });
/** Spans of 4 tokens are expected. */
const softGate = (dial: object, tokens = 0): Gate =>
  new Gate(dialSchema.parse(dial), createRng(1), { tokens, spanTokens: 4 });

describe("the hard budget", () => {
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

describe("the budget between spans", () => {
  test("lends a span where nothing is owed", () => {
    const one = softGate({ budget: 0.1 });
    expect(one.refuseRequest({ smallTokens: 3, bigTokens: 0 }, "big")).toBeUndefined();
    // 54 small tokens earn 6.
    expect(one.refuseRequest({ smallTokens: 53, bigTokens: 6 }, "big")).toBe("budget");
    expect(one.refuseScheduled({ smallTokens: 53, bigTokens: 6 })).toBe("budget");
    expect(one.refuseRequest({ smallTokens: 54, bigTokens: 6 }, "big")).toBeUndefined();
    expect(softGate({ budget: 0 }).refuseRequest({ smallTokens: 90, bigTokens: 0 }, "big")).toBe("budget");
    expect(softGate({}).refuseRequest({ smallTokens: 1, bigTokens: 900 }, "big")).toBeUndefined();
  });

  test("counts on the tokens that are expected to follow", () => {
    const one = softGate({ budget: 0.1 }, 80);
    expect(one.refuseRequest({ smallTokens: 5, bigTokens: 8 }, "big")).toBeUndefined();
    expect(one.refuseRequest({ smallTokens: 5, bigTokens: 9 }, "big")).toBe("budget");
    expect(one.refuseRequest({ smallTokens: 81, bigTokens: 9 }, "big")).toBeUndefined();
  });

  test("ends a span at a boundary where it is several times as long as expected and has no credit", () => {
    const one = softGate({ budget: 0.1 });
    expect(one.allowance({ smallTokens: 9, bigTokens: 0 })).toEqual({
      tokens: 48,
      reason: "budget",
      boundaryAfter: 16,
    });
    expect(one.allowance({ smallTokens: 900, bigTokens: 0 }).boundaryAfter).toBe(100);
    expect(softGate({ budget: 1 }).allowance({ smallTokens: 9, bigTokens: 0 })).toEqual({
      tokens: Infinity,
      reason: "segment-limit",
    });
  });

  test("leaves an answer of the expected length at most one span above the budget", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 12 })), { maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        (steps, percent) => {
          const budget = percent / 100;
          const expected = steps.reduce((sum, [small]) => sum + small, 0);
          const one = softGate({ budget }, expected);
          let [smallTokens, bigTokens, longest] = [0, 0, 0];
          for (const [small, span] of steps) {
            smallTokens += small;
            if (one.refuseRequest({ smallTokens, bigTokens }, "big") !== undefined) continue;
            one.countSegment();
            bigTokens += span;
            longest = Math.max(longest, span);
          }
          expect(bigTokens).toBeLessThanOrEqual(budget * (smallTokens + bigTokens) + longest + 1e-6);
        },
      ),
      { numRuns: 500 },
    );
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
