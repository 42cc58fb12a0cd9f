import { describe, expect, it } from "vitest";

import { tokenId } from "../../core/ids.ts";
import { createRng } from "../../core/rng.ts";
import { divergenceFromReference, k3 } from "./kl.ts";
import type { Decision, DecisionKind } from "./trajectory.ts";

const decision = (position: number, kind: DecisionKind): Decision => ({
  position,
  kind,
  target: tokenId(1),
  logprob: 0,
});

describe("divergenceFromReference", () => {
  it("is the hand-computed mean over the choices", () => {
    const trajectory = {
      tokens: [tokenId(0), tokenId(1), tokenId(1)],
      decisions: [decision(0, "token"), decision(1, "read-on")],
    };
    // A token: .5 under the policy, .25 under the start. Reading on: closes of .2 and .6, so .8 and .4.
    const divergence = divergenceFromReference([
      {
        trajectory,
        current: Float32Array.of(Math.log(0.5), Math.log(0.2)),
        reference: Float32Array.of(Math.log(0.25), Math.log(0.6)),
      },
    ]);
    // r = 1/2 for both: 1/2 - 1 + log 2.
    expect(divergence).toBeCloseTo(Math.log(2) - 0.5, 6);
  });

  it("is not 0 but unknown without a choice", () => {
    expect(divergenceFromReference([])).toBeUndefined();
    const none = { tokens: [tokenId(0)], decisions: [] };
    expect(
      divergenceFromReference([
        { trajectory: none, current: Float32Array.of(0), reference: Float32Array.of(0) },
      ]),
    ).toBeUndefined();
  });
});

describe("k3", () => {
  it("has the divergence for its mean over what the policy samples", () => {
    const policy = [0.7, 0.2, 0.1];
    const start = [0.4, 0.4, 0.2];
    const exact = policy.reduce((sum, p, index) => sum + p * Math.log(p / (start[index] ?? NaN)), 0);
    const rng = createRng(3);
    const draws = 200_000;
    let sum = 0;
    for (let draw = 0; draw < draws; draw++) {
      const uniform = rng.next();
      const drawn = uniform < 0.7 ? 0 : uniform < 0.9 ? 1 : 2;
      sum += k3(Math.log((start[drawn] ?? NaN) / (policy[drawn] ?? NaN)));
    }
    expect(sum / draws).toBeCloseTo(exact, 2);
  });

  it("is never negative, and finite where the start finds a choice impossible or certain", () => {
    for (const logRatio of [-30, -1, -1e-9, 0, 1e-9, 1, 19, 30, 1000]) {
      expect(k3(logRatio)).toBeGreaterThanOrEqual(0);
      expect(k3(logRatio)).toBeLessThan(Infinity);
    }
    expect(k3(0)).toBe(0);
  });
});
