import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { tokenId } from "../../../core/ids.ts";
import { createRng } from "../../../core/rng.ts";
import { fingerprintOf } from "../../export/adapter.ts";
import { mergedWeights } from "../../export/merged.ts";
import { loraConfigSchema } from "../../model/lora-config.ts";
import { adapterPairs, adapterSize } from "../../model/adapter.ts";
import { parseDecoderConfig } from "../../model/config.ts";
import { initialWeights, parameterSpecs, type Weights } from "../../model/parameters.ts";
import type { AdamParameters, Datum } from "../../trainer.ts";
import { EmbeddedTrainer } from "./embedded-trainer.ts";
import { LoraTrainer, type LoraTrainerOptions } from "./lora-trainer.ts";

const config = parseDecoderConfig({
  vocabularySize: 23,
  hiddenSize: 16,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 6,
  intermediateSize: 20,
  maxPositions: 32,
});
const adam: AdamParameters = {
  learningRate: 2e-2,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
};

function namedWeights(seed: number): Weights {
  const flat = initialWeights(config, seed);
  return new Map(
    parameterSpecs(config).map(({ name, shape, offset, size }) => [
      name,
      { shape, data: flat.slice(offset, offset + size) },
    ]),
  );
}
const weights = namedWeights(1);
const base = fingerprintOf(config, weights);

/** About half of the targets have weight 0, as those of a prompt. */
function randomDatum(length: number, seed: number): Datum {
  const rng = createRng(seed);
  const id = () => tokenId(rng.integer(0, config.vocabularySize - 1));
  return {
    tokens: Array.from({ length }, id),
    targets: Array.from({ length }, id),
    weights: Array.from({ length }, () => Math.max(0, rng.next() - 0.5)),
  };
}
const data = [randomDatum(12, 1), randomDatum(7, 2), randomDatum(9, 3), randomDatum(16, 4)];

/** Values far from the initial ones, where B is 0. */
function livelyAdapter(size: number, seed: number): Float32Array {
  const rng = createRng(seed);
  return Float32Array.from({ length: size }, () => 0.2 * rng.normal());
}

const trainers: { close(): Promise<void> }[] = [];
function create(options: Partial<LoraTrainerOptions> = {}): LoraTrainer {
  const trainer = new LoraTrainer({
    config,
    weights,
    base,
    adapter: loraConfigSchema.parse({ rank: 3, alpha: 6 }),
    start: { seed: 7 },
    rowLength: 16,
    rowsPerBatch: 2,
    exporter: () => Promise.reject(new Error("not in this test")),
    ...options,
  });
  trainers.push(trainer);
  return trainer;
}

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lora-"));
});
afterEach(async () => {
  for (const trainer of trainers.splice(0)) await trainer.close();
  await rm(folder, { recursive: true });
});

describe("LoraTrainer", () => {
  it.each([["all-linear"], [["q_proj", "v_proj", "down_proj"]]])(
    "has the log-probabilities of the merged model, and the gradients that follow from its gradients (%j)",
    async (targets) => {
      const adapter = loraConfigSchema.parse({ rank: 3, alpha: 6, targets });
      const pairs = adapterPairs(config, adapter);
      const start = livelyAdapter(adapterSize(pairs), 3);
      const lora = create({ adapter, start });
      const merged = mergedWeights(weights, lora.adapter());
      const full = await EmbeddedTrainer.create({ config, weights: merged, rowLength: 16, rowsPerBatch: 2 });
      trainers.push(full);
      const ours = await lora.forwardBackward(data, "cross_entropy");
      const theirs = await full.forwardBackward(data, "cross_entropy");
      expect(ours.lossSum).toBeCloseTo(theirs.lossSum, 4);
      for (const [index, { weights: factors }] of data.entries()) {
        for (const [position, factor] of factors.entries()) {
          const value = ours.logprobs[index]?.[position];
          if (factor === 0) expect(value).toBeNaN();
          else expect(value).toBeCloseTo(theirs.logprobs[index]?.[position] ?? NaN, 4);
        }
      }
      // W + s B A: dA = s B^T dW, dB = s dW A^T.
      const gradients = lora.gradients();
      const scale = adapter.alpha / adapter.rank;
      let largest = 0;
      for (const { base: matrix, a, b } of pairs) {
        const [rank, columns, rows] = [a.shape[0]!, a.shape[1]!, b.shape[0]!];
        const full_ = full.gradients().get(matrix)!;
        for (let r = 0; r < rank; r++) {
          for (let column = 0; column < columns; column++) {
            let expected = 0;
            for (let row = 0; row < rows; row++)
              expected += scale * start[b.offset + row * rank + r]! * full_[row * columns + column]!;
            expect(gradients[a.offset + r * columns + column]).toBeCloseTo(expected, 4);
            largest = Math.max(largest, Math.abs(expected));
          }
          for (let row = 0; row < rows; row++) {
            let expected = 0;
            for (let column = 0; column < columns; column++)
              expected += scale * full_[row * columns + column]! * start[a.offset + r * columns + column]!;
            expect(gradients[b.offset + row * rank + r]).toBeCloseTo(expected, 4);
          }
        }
      }
      // Gradients that are all 0 would agree with anything.
      expect(largest).toBeGreaterThan(0.1);
    },
  );

  it("agrees with finite differences over a base with biases and without head norms", async () => {
    const shape = parseDecoderConfig({ ...config, architecture: "qwen2" });
    const rng = createRng(4);
    const named: Weights = new Map(
      parameterSpecs(shape).map(({ name, shape: size, size: count }) => [
        name,
        {
          shape: size,
          data: Float32Array.from({ length: count }, () => (size.length === 1 ? 1 : 0.3) * rng.normal()),
        },
      ]),
    );
    const adapter = loraConfigSchema.parse({ rank: 2, alpha: 4 });
    const start = livelyAdapter(adapterSize(adapterPairs(shape, adapter)), 5);
    const made = (values: Float32Array) => create({ config: shape, weights: named, adapter, start: values });
    const trainer = made(start);
    await trainer.forwardBackward(data, "cross_entropy");
    const gradients = trainer.gradients();
    const step = 1e-2;
    for (const { layer, a, b } of adapterPairs(shape, adapter)) {
      // The gradients of the first layer come through all others.
      if (layer > 0) continue;
      for (const { offset, size } of [a, b]) {
        const at = offset + Math.floor(size / 2);
        const losses: number[] = [];
        for (const sign of [1, -1]) {
          const moved = start.slice();
          moved[at] = start[at]! + sign * step;
          losses.push((await made(moved).forward(data)).lossSum);
        }
        const expected = (losses[0]! - losses[1]!) / (2 * step);
        expect(Math.abs(gradients[at]! - expected)).toBeLessThan(5e-3 + 0.02 * Math.abs(expected));
      }
    }
  });

  it("begins as the base, and learns a batch by heart without changing it", async () => {
    const before = [...weights.values()].map((tensor) => tensor.data.slice());
    const full = await EmbeddedTrainer.create({ config, weights, rowLength: 16, rowsPerBatch: 2 });
    trainers.push(full);
    const lora = create({ adapter: loraConfigSchema.parse({ rank: 16, alpha: 32 }) });
    expect((await lora.forward(data)).lossSum).toBeCloseTo((await full.forward(data)).lossSum, 4);
    const first = await lora.trainStep(data, "cross_entropy", adam);
    for (let step = 0; step < 120; step++) await lora.trainStep(data, "cross_entropy", adam);
    expect((await lora.forward(data)).lossSum).toBeLessThan(first.lossSum / 2);
    expect([...weights.values()].map((tensor) => tensor.data)).toEqual(before);
  });

  it("continues from a checkpoint to the same bytes, and the reference is what it was", async () => {
    const steps = async (trainer: LoraTrainer, count: number): Promise<void> => {
      for (let step = 0; step < count; step++) await trainer.trainStep(data, "cross_entropy", adam);
    };
    const valuesOf = (trainer: LoraTrainer) => [...trainer.adapter().values.values()].map((one) => one.data);
    const straight = create();
    await straight.save(join(folder, "start"));
    const untrained = await straight.forward(data);
    await steps(straight, 3);
    await straight.save(join(folder, "three"));
    await steps(straight, 2);

    const resumed = create({ start: { seed: 99 } });
    await resumed.load(join(folder, "three"));
    expect(resumed.step).toBe(3);
    await steps(resumed, 2);
    expect(valuesOf(resumed)).toEqual(valuesOf(straight));
    await using reference = await resumed.reference(join(folder, "start"));
    expect(await reference.forward(data)).toEqual(untrained);
    expect(valuesOf(resumed)).toEqual(valuesOf(straight));
  });

  it("refuses a checkpoint of another base, and of another shape", async () => {
    await create().save(folder);
    const other = fingerprintOf(config, namedWeights(2));
    await expect(create({ base: other }).load(folder)).rejects.toThrow(/another base or another shape/);
    const wider = loraConfigSchema.parse({ rank: 4, alpha: 6 });
    await expect(create({ adapter: wider }).load(folder)).rejects.toThrow(/another base or another shape/);
  });
});
