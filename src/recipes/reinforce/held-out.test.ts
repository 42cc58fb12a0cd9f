import { describe, expect, it } from "vitest";

import { heldOutScore } from "./held-out.ts";

describe("heldOutScore", () => {
  const config = { heldOutSharePrice: 1, heldOutBudget: 0.05 };

  it("prefers what is within the budget, then what is right, then what is cheap", () => {
    const over = heldOutScore(0.98, 0.056, config);
    const within = heldOutScore(0.967, 0.045, config);
    expect(within).toBeGreaterThan(over);
    expect(heldOutScore(0.967, 0.044, config)).toBeGreaterThan(within);
    expect(over).toBeCloseTo(0.98 - 0.056 - 0.06);
  });
});
