import { describe, expect, it } from "vitest";

import { collapseReason, type CollapseSigns } from "./collapse.ts";
import { grpoConfigSchema } from "./config.ts";
import { parseReward } from "./rewards/registry.ts";
import type { RolloutFacts } from "./rewards/reward.ts";

const { collapse } = grpoConfigSchema.parse({});
const steps = (count: number, signs: (step: number) => Partial<CollapseSigns>): CollapseSigns[] =>
  Array.from({ length: count }, (_, step) => ({ steadyReward: 1, share: 0.1, entropy: 0.5, ...signs(step) }));

describe("collapseReason", () => {
  it("says nothing of a run that is well, or too young to be judged", () => {
    expect(
      collapseReason(
        steps(100, () => ({})),
        collapse,
      ),
    ).toBeUndefined();
    expect(
      collapseReason(
        steps(19, (step) => ({ steadyReward: -step })),
        collapse,
      ),
    ).toBeUndefined();
  });

  it("notices a reward that falls", () => {
    expect(
      collapseReason(
        steps(40, (step) => ({ steadyReward: step < 20 ? 1 : 0.4 })),
        collapse,
      ),
    ).toMatch(/the mean reward of the last 10 steps, at the first step's prices, is 0.400; it was 1.000/);
  });

  it("notices a big model that writes everything, for a whole window", () => {
    expect(
      collapseReason(
        steps(30, (step) => ({ share: step < 20 ? 0.1 : 0.95 })),
        collapse,
      ),
    ).toMatch(/more than 90% of the tokens for 10 steps/);
    expect(
      collapseReason(
        steps(30, (step) => ({ share: step < 21 ? 0.1 : 0.95 })),
        collapse,
      ),
    ).toBeUndefined();
  });

  it("notices a policy that writes noise", () => {
    expect(
      collapseReason(
        steps(40, (step) => ({ entropy: step < 20 ? 0.5 : 2 })),
        collapse,
      ),
    ).toMatch(/entropy has risen from 0.50 to 2.00 nats/);
  });

  it("is not what a price does that rises while the policy stays as it is", () => {
    const reward = parseReward("cost");
    const facts: RolloutFacts = {
      correct: true,
      taggedText: "<think>\na</think>\nb",
      finish: "end-of-turn",
      smallTokens: 70,
      bigTokens: 30,
      opens: 1,
      discardedTokens: 0,
    };
    const at = (step: number): number => reward.score([facts], { step, steps: 100 })[0]?.total ?? NaN;
    // By the reward itself it would be.
    expect(at(0) - at(99)).toBeGreaterThan(collapse.rewardDrop);
    expect(
      collapseReason(
        steps(100, () => ({ steadyReward: at(0) })),
        collapse,
      ),
    ).toBeUndefined();
  });
});
