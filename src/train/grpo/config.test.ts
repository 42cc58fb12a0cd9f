import { describe, expect, it } from "vitest";

import { explorationBias, grpoConfigSchema } from "./config.ts";

describe("explorationBias", () => {
  it("falls to 0 over a share of the steps", () => {
    const config = grpoConfigSchema.parse({ steps: 100, exploration: { bias: 2, share: 0.5 } });
    expect([0, 25, 50, 99].map((step) => explorationBias(config, step))).toEqual([2, 1, 0, 0]);
  });

  it("is 0 unless asked for", () => {
    expect(explorationBias(grpoConfigSchema.parse({}), 0)).toBe(0);
    expect(explorationBias(grpoConfigSchema.parse({ exploration: { bias: 2, share: 0 } }), 0)).toBe(0);
  });
});
