import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { tokenId } from "../../../core/ids.ts";
import { createRng } from "../../../core/rng.ts";
import type { DecoderConfigInput } from "../../model/config.ts";
import { flattenWeights, OUTPUT_HEAD } from "../../model/parameters.ts";
import type { AdamParameters, Datum } from "../../trainer.ts";
import { createAdamState } from "./adamw.ts";
import { CHECKPOINT_FILE, writeCheckpoint } from "./checkpoint.ts";
import { EmbeddedTrainer, type EmbeddedTrainerOptions } from "./embedded-trainer.ts";

const config: DecoderConfigInput = {
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

function randomDatum(length: number, seed: number, vocabularySize = 23): Datum {
  const rng = createRng(seed);
  const id = () => tokenId(rng.integer(0, vocabularySize - 1));
  return {
    tokens: Array.from({ length }, id),
    targets: Array.from({ length }, id),
    weights: Array.from({ length }, () => rng.next()),
  };
}

const trainers: EmbeddedTrainer[] = [];
let folder = "";

async function create(options: Partial<EmbeddedTrainerOptions> = {}): Promise<EmbeddedTrainer> {
  const start = options.weights ? {} : { seed: 1 };
  const trainer = await EmbeddedTrainer.create({
    config,
    ...start,
    rowLength: 16,
    rowsPerBatch: 2,
    ...options,
  });
  trainers.push(trainer);
  return trainer;
}

const bytesOf = (trainer: EmbeddedTrainer): Buffer =>
  Buffer.concat([...trainer.weights().values()].map(({ data }) => new Uint8Array(data.buffer)));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trainer-"));
});

afterEach(async () => {
  for (const trainer of trainers.splice(0)) await trainer.close().catch(() => undefined);
  await rm(folder, { recursive: true });
});

const data = [randomDatum(12, 1), randomDatum(7, 2), randomDatum(9, 3), randomDatum(16, 4)];

describe("EmbeddedTrainer", () => {
  it("learns a batch by heart", async () => {
    const trainer = await create();
    const first = await trainer.trainStep(data, "cross_entropy", adam);
    for (let step = 0; step < 120; step++) await trainer.trainStep(data, "cross_entropy", adam);
    const last = await trainer.forward(data);
    expect(first.lossSum / first.weightSum).toBeCloseTo(Math.log(23), 0);
    expect(last.lossSum / last.weightSum).toBeLessThan(0.1);
    expect(trainer.step).toBe(121);
  });

  it("gives each document of a packed row the log-probabilities that it has alone", async () => {
    const trainer = await create();
    const documents = [3, 9, 4, 12, 1, 2].map((length, index) => randomDatum(length, index));
    const together = await trainer.forward(documents);
    for (const [index, datum] of documents.entries()) {
      const alone = await trainer.forward([datum]);
      const logits = await trainer.logits(datum.tokens);
      expect(logits.length).toBe(datum.tokens.length * 23);
      for (const [position, target] of datum.targets.entries()) {
        const row = logits.slice(position * 23, (position + 1) * 23);
        const logprob = row[target]! - Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(together.logprobs[index]![position]).toBeCloseTo(alone.logprobs[0]![position]!, 5);
        expect(together.logprobs[index]![position]).toBeCloseTo(logprob, 5);
      }
    }
  });

  it("keeps log-probabilities exact where the probability is nothing in single precision", async () => {
    const source = await create();
    const weights = source.weights();
    weights.get("model.norm.weight")!.data.fill(400);
    const trainer = await create({ weights });
    const [datum] = data as [Datum];
    const { logprobs } = await trainer.forward([datum]);
    const logits = await trainer.logits(datum.tokens);
    expect(Math.min(...logprobs[0]!)).toBeLessThan(-120);
    for (const [position, target] of datum.targets.entries()) {
      const row = logits.slice(position * 23, (position + 1) * 23);
      const top = Math.max(...row);
      const logprob =
        row[target]! - top - Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
      expect(Math.abs(logprobs[0]![position]! - logprob)).toBeLessThan(1e-3);
    }
  });

  it.each([true, false])(
    "agrees with finite differences in every parameter (tied: %s)",
    async (tiedEmbeddings) => {
      const model = { ...config, tiedEmbeddings };
      const start = await create({ config: model, seed: 3 });
      await start.forwardBackward(data, "cross_entropy");
      const gradients = start.gradients();
      expect(gradients.has(OUTPUT_HEAD)).toBe(!tiedEmbeddings);
      const rng = createRng(7);
      const origin = start.weights();
      for (const [name, gradient] of gradients) {
        const direction = Float32Array.from(gradient, () => rng.normal() / Math.sqrt(gradient.length));
        const epsilon = 1e-2;
        const lossAt = async (by: number): Promise<number> => {
          const moved = new Map(origin);
          const { shape, data: values } = origin.get(name)!;
          moved.set(name, { shape, data: values.map((value, index) => value + by * direction[index]!) });
          const weights = flattenWeights(start.config, moved);
          await writeCheckpoint(folder, {
            config: start.config,
            weights,
            adam: createAdamState(weights.length),
          });
          await start.load(folder);
          return (await start.forward(data)).lossSum;
        };
        const numeric = ((await lossAt(epsilon)) - (await lossAt(-epsilon))) / (2 * epsilon);
        const analytic = gradient.reduce((sum, value, index) => sum + value * direction[index]!, 0);
        expect(Math.abs(numeric - analytic), name).toBeLessThan(5e-3 * Math.max(0.2, Math.abs(analytic)));
      }
    },
  );

  it("adds up the same gradients in one micro-batch, in several, and over several calls", async () => {
    const whole = await create({ rowsPerBatch: 4 });
    const pieces = await create({ rowsPerBatch: 1 });
    const calls = await create();
    const one = await whole.forwardBackward(data, "cross_entropy");
    const many = await pieces.forwardBackward(data, "cross_entropy");
    for (const datum of data) await calls.forwardBackward([datum], "cross_entropy");
    expect(many.lossSum).toBeCloseTo(one.lossSum, 4);
    expect(one.weightSum).toBeCloseTo(
      data.flatMap(({ weights }) => weights).reduce((sum, weight) => sum + weight, 0),
    );
    for (const other of [pieces, calls]) {
      const gradients = other.gradients();
      for (const [name, gradient] of whole.gradients()) {
        for (const [index, expected] of gradient.entries()) {
          expect(Math.abs(gradients.get(name)![index]! - expected), name).toBeLessThan(1e-5);
        }
      }
    }
    await whole.optimStep(adam);
    expect([...whole.gradients().values()].every((gradient) => gradient.every((value) => value === 0))).toBe(
      true,
    );
  });

  it("gives repeated ids the same gradient on several threads as on one", async () => {
    const repeated: Datum[] = Array.from({ length: 64 }, (_, index) => randomDatum(32, index, 3));
    const [single, double] = await Promise.all(
      [1, 2].map((threads) => create({ threads, rowLength: 32, rowsPerBatch: 64 })),
    );
    await single!.forwardBackward(repeated, "cross_entropy");
    await double!.forwardBackward(repeated, "cross_entropy");
    const expected = single!.gradients().get("model.embed_tokens.weight")!;
    for (const [index, value] of double!.gradients().get("model.embed_tokens.weight")!.entries()) {
      expect(Math.abs(value - expected[index]!)).toBeLessThan(1e-3 * (1 + Math.abs(expected[index]!)));
    }
  });

  it.each([1, 3])(
    "gives the same bytes for the same seed, and others for another (threads: %s)",
    async (threads) => {
      const runs: Buffer[] = [];
      for (const seed of [5, 5, 6]) {
        const trainer = await create({ seed, threads });
        for (let step = 0; step < 5; step++) await trainer.trainStep(data, "cross_entropy", adam);
        runs.push(bytesOf(trainer));
      }
      expect(runs[0]!.equals(runs[1]!)).toBe(true);
      expect(runs[0]!.equals(runs[2]!)).toBe(false);
    },
  );

  it("continues from a checkpoint as if it had never stopped, to the bit", async () => {
    const whole = await create();
    for (let step = 0; step < 6; step++) await whole.trainStep(data.slice(step % 3), "cross_entropy", adam);
    const before = await create();
    for (let step = 0; step < 3; step++) await before.trainStep(data.slice(step % 3), "cross_entropy", adam);
    await before.save(folder);
    const loaded = await create({ seed: 99 });
    await loaded.load(folder);
    const opened = await EmbeddedTrainer.open(folder, { rowLength: 16, rowsPerBatch: 2 });
    trainers.push(opened);
    for (const after of [loaded, opened]) {
      expect(after.step).toBe(3);
      for (let step = 3; step < 6; step++) await after.trainStep(data.slice(step % 3), "cross_entropy", adam);
      expect(bytesOf(after).equals(bytesOf(whole))).toBe(true);
    }
  });

  it.each([1, 2])("keeps a checkpoint as a reference while it trains on: %i threads", async (threads) => {
    const trainer = await create({ threads, rowsPerBatch: 1 });
    const first = (await trainer.forward(data)).logprobs;
    await trainer.save(folder);
    await using reference = await trainer.reference(folder);
    for (let step = 0; step < 3; step++) await trainer.trainStep(data, "cross_entropy", adam);
    const weights = bytesOf(trainer);
    const now = (await trainer.forward(data)).logprobs;
    expect(now).not.toEqual(first);
    const running = reference.forward(data);
    // Also while the reference runs, the trainer's weights are its own.
    await new Promise((resolve) => setImmediate(resolve));
    expect(bytesOf(trainer).equals(weights)).toBe(true);
    expect((await running).logprobs).toEqual(first);
    expect(bytesOf(trainer).equals(weights)).toBe(true);
    expect((await trainer.forward(data)).logprobs).toEqual(now);
  });

  it("refuses checkpoints that are missing, broken, or of another model", async () => {
    const trainer = await create();
    await expect(trainer.load(folder)).rejects.toThrow(/cannot read the checkpoint/);
    await writeFile(join(folder, CHECKPOINT_FILE), "nonsense");
    await expect(trainer.load(folder)).rejects.toThrow(/checkpoint.safetensors is not/);
    const other = await create({ config: { ...config, layers: 1 } });
    await other.save(folder);
    await expect(trainer.load(folder)).rejects.toThrow(/of another model/);
    await expect(trainer.reference(folder)).rejects.toThrow(/of another model/);
    // A failed load leaves the trainer as it was.
    expect(bytesOf(trainer).equals(bytesOf(await create()))).toBe(true);
  });

  it("gives its weights to the exporter, and says so when it has none", async () => {
    const seen: string[] = [];
    const exporter: EmbeddedTrainerOptions["exporter"] = async (to, { layers }, weights) => {
      seen.push(to, String(layers), String(weights.size));
    };
    await (await create({ exporter })).export("somewhere");
    expect(seen).toEqual(["somewhere", "2", String(2 + 2 * 11)]);
    await expect((await create()).export("somewhere")).rejects.toThrow(/without an exporter/);
  });

  it("says what is wrong with data, weights and options", async () => {
    const trainer = await create();
    await expect(trainer.forward([randomDatum(17, 1)])).rejects.toThrow(
      /datum 0 has 17 tokens and a row holds 16/,
    );
    await expect(trainer.forward([randomDatum(4, 1), randomDatum(9, 1, 99)])).rejects.toThrow(
      /datum 1 holds the id \d+; the model's vocabulary has 23/,
    );
    const poisoned = { ...randomDatum(4, 1), weights: [1, Number.NaN, 1, 1] };
    const before = bytesOf(trainer);
    await expect(trainer.trainStep([poisoned], "cross_entropy", adam)).rejects.toThrow(/diverged/);
    expect(bytesOf(trainer).equals(before)).toBe(true);
    // What was refused leaves nothing behind.
    expect((await trainer.trainStep(data, "cross_entropy", adam)).gradientNorm).toBeGreaterThan(0);
    const weights = trainer.weights();
    weights.delete("model.norm.weight");
    await expect(create({ weights })).rejects.toThrow(/model.norm.weight is missing/);
    await expect(create({ threads: 0 })).rejects.toThrow(/threads is 0/);
    await expect(create({ rowLength: 64 })).rejects.toThrow(/the model has 32 positions/);
    await expect(create({ config: { ...config, heads: 3 } })).rejects.toThrow(/divided by keyValueHeads/);
    await trainer.close();
    await expect(trainer.forward(data)).rejects.toThrow(/closed/);
  });
});
