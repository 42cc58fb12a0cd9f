/** Our side of `bench:lora`: a model of random weights, and training steps of an adapter over it. */
import { tokenId } from "../../src/core/ids.ts";
import { createRng } from "../../src/core/rng.ts";
import { adapterPairs, adapterSize } from "../../src/train/model/adapter.ts";
import { parseDecoderConfig } from "../../src/train/model/config.ts";
import { loraConfigSchema } from "../../src/train/model/lora-config.ts";
import { parameterSpecs, type Weights } from "../../src/train/model/parameters.ts";
import type { Datum } from "../../src/train/trainer.ts";
import { LoraTrainer } from "../../src/train/trainers/embedded/lora-trainer.ts";

/** The shape of Qwen2.5-0.5B, with head norms in place of biases. */
export const MODEL = {
  vocabularySize: 151_936,
  hiddenSize: 896,
  heads: 14,
  keyValueHeads: 2,
  headSize: 64,
  intermediateSize: 4864,
  maxPositions: 2048,
};

export interface Work {
  readonly layers: number;
  readonly rows: number;
  readonly rowLength: number;
  readonly rank: number;
  readonly alpha: number;
  readonly steps: number;
}

export interface Measurement {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  /** Parameters that are trained. */
  readonly trained: number;
  readonly loss: number;
}

/** Trains one step to warm up, and then `steps`. */
export async function measureOurs({
  layers,
  rows,
  rowLength,
  rank,
  alpha,
  steps,
}: Work): Promise<Measurement> {
  const config = parseDecoderConfig({ ...MODEL, layers });
  const adapter = loraConfigSchema.parse({ rank, alpha });
  const trainer = new LoraTrainer({
    config,
    weights: randomWeights(parameterSpecs(config)),
    adapter,
    base: "random",
    start: { seed: 1 },
    rowLength,
    exporter: () => Promise.resolve(),
  });
  const rng = createRng(1);
  const data = Array.from({ length: rows }, (): Datum => {
    const ids = Array.from({ length: rowLength + 1 }, () =>
      tokenId(rng.integer(0, config.vocabularySize - 1)),
    );
    const weights = Array.from({ length: rowLength }, () => 1 / (rows * rowLength));
    return { tokens: ids.slice(0, -1), targets: ids.slice(1), weights };
  });
  const adam = { learningRate: 1e-4, beta1: 0.9, beta2: 0.98, epsilon: 1e-9, weightDecay: 0, clipNorm: 1 };
  let { lossSum: loss } = await trainer.trainStep(data, "cross_entropy", adam);
  const [wall, cpu] = [performance.now(), process.cpuUsage()];
  for (let step = 0; step < steps; step++)
    loss = (await trainer.trainStep(data, "cross_entropy", adam)).lossSum;
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - wall) / 1000;
  await trainer.close();
  return {
    seconds,
    cpuSeconds: (user + system) / 1e6,
    peakBytes: process.resourceUsage().maxRSS * 1024,
    trained: adapterSize(adapterPairs(config, adapter)),
    loss,
  };
}

/** Uniform values from a quick generator: half a billion normal ones would take minutes. */
function randomWeights(specs: ReturnType<typeof parameterSpecs>): Weights {
  let state = 12_345;
  return new Map(
    specs.map(({ name, shape, size }) => {
      const data = new Float32Array(size);
      if (shape.length === 1) data.fill(1);
      else {
        for (let index = 0; index < size; index++) {
          state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
          data[index] = (0.03 * state) / 2 ** 31;
        }
      }
      return [name, { shape, data }];
    }),
  );
}
