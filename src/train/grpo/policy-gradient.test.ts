import { describe, expect, it } from "vitest";

import { tokenId } from "../../core/ids.ts";
import { EmbeddedTrainer } from "../trainers/embedded/embedded-trainer.ts";
import { lossConfigSchema } from "./losses.ts";
import { choiceDatum, policyGradient } from "./policy-gradient.ts";
import { type Decision, logComplement, type Trajectory } from "./trajectory.ts";

const ids = (...values: number[]) => values.map((value) => tokenId(value));

/** Prompt 1 2, the policy writes 3 and opens (9), the big model writes 4 5, the policy closes (8) and ends its turn (7). */
const tokens = ids(1, 2, 3, 9, 4, 5, 8);
const decision = (position: number, kind: Decision["kind"], target: number, logprob: number): Decision => ({
  position,
  kind,
  target: tokenId(target),
  logprob,
});
const trajectory: Trajectory = {
  tokens,
  decisions: [
    decision(1, "token", 3, -1.2),
    decision(2, "open", 9, -2.1),
    decision(4, "read-on", 8, -0.3),
    decision(5, "close", 8, -1.9),
    decision(6, "end", 7, -2.4),
  ],
};
const advantages = [0.5, 0.5, -1, 0.5, 0.25];

describe("policyGradient", () => {
  it("puts weight on the policy's own choices and on nothing else", () => {
    const logprobs = new Float32Array(7).fill(-2);
    const { datum } = policyGradient(trajectory, logprobs, (_, index) => advantages[index] ?? 0, {
      ...lossConfigSchema.parse({ name: "importance_sampling" }),
    });
    expect(datum.tokens).toEqual(tokens);
    expect(datum.targets.map(Number)).toEqual([2, 3, 9, 4, 8, 8, 7]);
    expect(datum.weights.map((weight) => weight !== 0)).toEqual([false, true, true, false, true, true, true]);
    // The big model's first token, position 3, could not be closed before; the prompt is not a choice.
    expect(datum.weights[1]).toBeCloseTo(Math.exp(-2 + 1.2) * 0.5);
  });

  it.each(["importance_sampling", "ppo", "cispo"] as const)(
    "%s: the trainer's gradient is that of the cost, for choices to close and not to close",
    async (name) => {
      const loss = lossConfigSchema.parse({ name, clipHigh: 50, clipLow: 1 });
      const shape = {
        vocabularySize: 12,
        hiddenSize: 16,
        layers: 1,
        heads: 2,
        keyValueHeads: 2,
        headSize: 8,
        intermediateSize: 24,
        maxPositions: 16,
      };
      const trainer = await EmbeddedTrainer.create({ config: shape, seed: 3, rowLength: 16 });
      const advantage = (_: Decision, index: number) => advantages[index] ?? 0;
      const costOf = async (of: EmbeddedTrainer): Promise<number> => {
        const [logprobs] = (await of.forward([choiceDatum(trajectory)])).logprobs;
        return policyGradient(trajectory, logprobs ?? new Float32Array(), advantage, loss).cost;
      };
      const [logprobs] = (await trainer.forward([choiceDatum(trajectory)])).logprobs;
      const { datum } = policyGradient(trajectory, logprobs ?? new Float32Array(), advantage, loss);
      await trainer.forwardBackward([datum], "cross_entropy");
      const gradients = trainer.gradients();
      // CISPO's clipped ratio is a constant to its gradient, so its own cost is no test of it; held wide, the weight is the ratio's.
      if (name !== "cispo") {
        const weights = trainer.weights();
        for (const parameter of ["model.embed_tokens.weight", "model.layers.0.mlp.down_proj.weight"]) {
          const direction = gradients.get(parameter) ?? new Float32Array();
          const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
          const step = 3e-3 / norm;
          const moved = async (sign: number): Promise<number> => {
            const changed = new Map(weights);
            const old = weights.get(parameter);
            if (old === undefined) throw new Error(parameter);
            changed.set(parameter, {
              shape: old.shape,
              data: old.data.map((value, index) => value + sign * step * (direction[index] ?? 0)),
            });
            const other = await EmbeddedTrainer.create({ config: shape, weights: changed, rowLength: 16 });
            try {
              return await costOf(other);
            } finally {
              await other.close();
            }
          };
          const slope = ((await moved(1)) - (await moved(-1))) / (2 * step);
          expect(slope / (norm * norm)).toBeCloseTo(1, 2);
        }
      }
      for (const [index, { position, kind, logprob }] of trajectory.decisions.entries()) {
        const target = logprobs?.[position] ?? NaN;
        const current = kind === "read-on" ? logComplement(target) : target;
        const inner = kind === "read-on" ? -Math.exp(target - current) : 1;
        const ratio = Math.exp(current - logprob);
        expect(datum.weights[position]).toBeCloseTo(ratio * (advantages[index] ?? 0) * inner, 5);
      }
      await trainer.close();
    },
  );

  it("has no divergence at the policy that sampled, and more the further off", () => {
    const near = new Float32Array([0, -1.2, -2.1, 0, Math.log(-Math.expm1(-0.3)), -1.9, -2.4]);
    const loss = lossConfigSchema.parse({});
    const at = policyGradient(trajectory, near, () => 1, loss);
    expect(at.divergence).toBeCloseTo(0, 6);
    const off = policyGradient(
      trajectory,
      near.map((value) => value - 0.5),
      () => 1,
      loss,
    );
    expect(off.divergence).toBeGreaterThan(0.2);
  });
});
