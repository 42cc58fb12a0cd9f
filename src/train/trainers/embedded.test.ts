import { describe, expect, it } from "vitest";

import { tokenId } from "../../core/ids.ts";
import { createRng } from "../../core/rng.ts";
import type { AdamParameters, Datum } from "../trainer.ts";
import { EmbeddedTrainer } from "./embedded.ts";

const config = {
  vocabularySize: 23,
  hiddenSize: 16,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 6,
  intermediateSize: 20,
  maxPositions: 32,
};

const adam: AdamParameters = {
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
};

function randomDatum(length: number, seed: number): Datum {
  const rng = createRng(seed);
  const id = () => tokenId(rng.integer(0, config.vocabularySize - 1));
  return {
    tokens: Array.from({ length }, id),
    targets: Array.from({ length }, id),
    weights: Array.from({ length }, () => rng.next()),
  };
}

describe("EmbeddedTrainer", () => {
  it("learns a batch by heart", async () => {
    const trainer = await EmbeddedTrainer.create({ config, seed: 1, rowLength: 16, rowsPerBatch: 2 });
    const data = [randomDatum(12, 1), randomDatum(7, 2), randomDatum(9, 3)];
    const first = await trainer.trainStep(data, "cross_entropy", adam);
    for (let step = 0; step < 80; step++) await trainer.trainStep(data, "cross_entropy", adam);
    const last = await trainer.forward(data);
    expect(first.lossSum / first.weightSum).toBeCloseTo(Math.log(23), 0);
    expect(last.lossSum / last.weightSum).toBeLessThan(0.1);
    await trainer.close();
  });

  it("gives each document of a packed row the log-probabilities that it has alone", async () => {
    const trainer = await EmbeddedTrainer.create({ config, seed: 2, rowLength: 16, rowsPerBatch: 2 });
    const data = [3, 9, 4, 12, 1, 2].map((length, index) => randomDatum(length, index));
    const together = await trainer.forward(data);
    for (const [index, datum] of data.entries()) {
      const alone = await trainer.forward([datum]);
      const logits = await trainer.logits(datum.tokens);
      for (const [position, target] of datum.targets.entries()) {
        const row = logits.slice(position * 23, (position + 1) * 23);
        const logprob = (row[target] ?? 0) - Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(together.logprobs[index]?.[position]).toBeCloseTo(alone.logprobs[0]?.[position] ?? 0, 5);
        expect(together.logprobs[index]?.[position]).toBeCloseTo(logprob, 5);
      }
    }
    await trainer.close();
  });

  it("agrees with finite differences of the loss along random directions of every parameter", async () => {
    const create = (weights: ReturnType<EmbeddedTrainer["weights"]>) =>
      EmbeddedTrainer.create({ config, weights, rowLength: 16, rowsPerBatch: 2 });
    const start = await EmbeddedTrainer.create({ config, seed: 3, rowLength: 16, rowsPerBatch: 2 });
    const data = [randomDatum(12, 1), randomDatum(7, 2), randomDatum(9, 3), randomDatum(16, 4)];
    await start.forwardBackward(data, "cross_entropy");
    const gradients = start.gradients();
    const rng = createRng(7);
    for (const [name, gradient] of gradients) {
      const direction = Float32Array.from(gradient, () => rng.normal() / Math.sqrt(gradient.length));
      const epsilon = 1e-2;
      const losses: number[] = [];
      for (const sign of [1, -1]) {
        const weights = start.weights();
        const data32 = weights.get(name)?.data ?? new Float32Array(0);
        for (const [index, step] of direction.entries())
          data32[index] = (data32[index] ?? 0) + sign * epsilon * step;
        const moved = await create(weights);
        losses.push((await moved.forward(data)).lossSum);
        await moved.close();
      }
      const numeric = ((losses[0] ?? 0) - (losses[1] ?? 0)) / (2 * epsilon);
      const analytic = gradient.reduce((sum, value, index) => sum + value * (direction[index] ?? 0), 0);
      expect(Math.abs(numeric - analytic), `${name}: ${numeric} ${analytic}`).toBeLessThan(
        5e-3 * Math.max(0.2, Math.abs(analytic)),
      );
    }
    await start.close();
  });
});
