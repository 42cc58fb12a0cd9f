import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { choiceLoss, type LOSS_NAMES, lossConfigSchema } from "./losses.ts";

const config = (name: (typeof LOSS_NAMES)[number]) => lossConfigSchema.parse({ name });

describe("choiceLoss", () => {
  it("has, by hand: ratio 1.5, advantage 2", () => {
    const now = Math.log(0.6);
    const then = Math.log(0.4);
    expect(choiceLoss(config("importance_sampling"), now, then, 2).derivative).toBeCloseTo(-3);
    // Above 1.28 and still pulled up: PPO stops, CISPO continues with the held ratio.
    expect(choiceLoss(config("ppo"), now, then, 2)).toMatchObject({ derivative: 0, clipped: true });
    expect(choiceLoss(config("ppo"), now, then, 2).cost).toBeCloseTo(-2.56);
    expect(choiceLoss(config("cispo"), now, then, 2).derivative).toBeCloseTo(-2.56);
  });

  it("does not stop PPO where the choice goes back to where it was sampled", () => {
    expect(choiceLoss(config("ppo"), Math.log(0.6), Math.log(0.4), -2).derivative).toBeCloseTo(3);
    expect(choiceLoss(config("ppo"), Math.log(0.2), Math.log(0.4), 1).derivative).toBeCloseTo(-0.5);
    expect(choiceLoss(config("ppo"), Math.log(0.2), Math.log(0.4), -1)).toMatchObject({ derivative: 0 });
  });

  it.each(["importance_sampling", "ppo"] as const)("%s: the derivative is that of the cost", (name) => {
    fc.assert(
      fc.property(
        fc.double({ min: -3, max: -0.05, noNaN: true }),
        fc.double({ min: -3, max: -0.05, noNaN: true }),
        fc.double({ min: -2, max: 2, noNaN: true }),
        (now, then, advantage) => {
          const eps = 1e-5;
          const at = (logprob: number) => choiceLoss(config(name), logprob, then, advantage);
          // Not across the corner of the clip.
          fc.pre(at(now - eps).clipped === at(now + eps).clipped);
          const slope = (at(now + eps).cost - at(now - eps).cost) / (2 * eps);
          expect(at(now).derivative).toBeCloseTo(slope, 4);
        },
      ),
    );
  });

  it("names the losses there are", () => {
    expect(() => lossConfigSchema.parse("reinforce")).toThrow(/importance_sampling.*ppo.*cispo/s);
    expect(() => lossConfigSchema.parse({ name: "ppo", clip: 1 })).toThrow(/clip/);
    expect(lossConfigSchema.parse("cispo")).toMatchObject({ name: "cispo", clipHigh: 0.28 });
  });
});
