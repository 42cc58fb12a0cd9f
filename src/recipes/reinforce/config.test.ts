import { describe, expect, it } from "vitest";

import { withRewardFlags } from "./config.ts";

describe("withRewardFlags", () => {
  it("leaves what the file says where no flag speaks", () => {
    for (const reward of ["relay", { name: "cost", lambda: 8 }, [{ reward: { name: "cost" } }]])
      expect(withRewardFlags(reward, {})).toBe(reward);
  });

  it("changes the reward, and keeps its options when it is the same", () => {
    expect(withRewardFlags({ name: "cost", lambda: 8 }, { reward: "paper" })).toBe("paper");
    expect(withRewardFlags({ name: "cost", lambda: 8 }, { reward: "cost" })).toEqual({
      name: "cost",
      lambda: 8,
    });
  });

  it("changes the budget alone", () => {
    expect(withRewardFlags("cost", { budget: 0.03 })).toEqual({ name: "cost", budget: 0.03 });
    expect(withRewardFlags({ name: "cost", lambda: 8, budget: 1 }, { budget: 0.03 })).toEqual({
      name: "cost",
      lambda: 8,
      budget: 0.03,
    });
    expect(withRewardFlags("relay", { reward: "cost", budget: 0.1 })).toEqual({ name: "cost", budget: 0.1 });
  });

  it.each(["relay", { name: "latency" }, [{ reward: { name: "cost" } }]])(
    "refuses a budget for a reward that has none: %j",
    (reward) => {
      expect(() => withRewardFlags(reward, { budget: 0.03 })).toThrow(
        /--budget 0.03 is an option of the reward cost, and this run's reward is/,
      );
    },
  );
});
