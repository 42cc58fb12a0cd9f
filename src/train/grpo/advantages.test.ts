import { describe, expect, it } from "vitest";

import { choiceScales, groupAdvantages } from "./advantages.ts";

describe("groupAdvantages", () => {
  it("is the difference to the group's mean, and what it is in units of the spread", () => {
    expect(groupAdvantages([1, 0, 0, 1], "none")).toEqual([0.5, -0.5, -0.5, 0.5]);
    const deviation = Math.sqrt(1 / 3);
    expect(groupAdvantages([1, 0, 0, 1], "group")?.[0]).toBeCloseTo(0.5 / deviation);
  });

  it("has nothing to say where all are as good, or there is one only", () => {
    expect(groupAdvantages([0.3, 0.3, 0.3], "none")).toBeUndefined();
    expect(groupAdvantages([1], "none")).toBeUndefined();
  });
});

describe("choiceScales", () => {
  it("gives each normaliser by hand: rollouts of 10 and 30 choices", () => {
    expect(choiceScales({ normaliser: "batch", longest: 100 }, [10, 30])).toEqual([1 / 40, 1 / 40]);
    expect(choiceScales({ normaliser: "rollout", longest: 100 }, [10, 30])).toEqual([1 / 20, 1 / 60]);
    expect(choiceScales({ normaliser: "constant", longest: 100 }, [10, 30])).toEqual([1 / 200, 1 / 200]);
  });

  it("gives nothing to a rollout without choices", () => {
    expect(choiceScales({ normaliser: "rollout", longest: 100 }, [0, 5])).toEqual([0, 1 / 10]);
    expect(choiceScales({ normaliser: "batch", longest: 100 }, [0])).toEqual([0]);
  });
});
