/** The training that every contender does, and the arithmetic that each token of it takes. */
import { tokenId } from "../../src/core/ids.ts";
import { createRng } from "../../src/core/rng.ts";
import { parseDecoderConfig, type DecoderConfig } from "../../src/train/model/config.ts";
import { parameterSpecs } from "../../src/train/model/parameters.ts";
import type { AdamParameters, Datum } from "../../src/train/trainer.ts";

export interface Workload {
  readonly name: string;
  readonly config: DecoderConfig;
  /** Tokens in a row, which is one document. */
  readonly rowLength: number;
  /** Rows in a step. */
  readonly rows: number;
}

export const BATCH_TOKENS = 4096;
export const SEED = 1;
export const ADAM: AdamParameters = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
};

export function createWorkload(hiddenSize: number, layers: number, rowLength: number): Workload {
  const config = parseDecoderConfig({
    vocabularySize: 512,
    hiddenSize,
    layers,
    heads: 4,
    keyValueHeads: 4,
    headSize: hiddenSize / 4,
    intermediateSize: Math.round((hiddenSize * 8) / 3 / 16) * 16,
    maxPositions: rowLength,
  });
  return {
    name: `hidden ${hiddenSize}, ${layers} layers, rows of ${rowLength}`,
    config,
    rowLength,
    rows: BATCH_TOKENS / rowLength,
  };
}

/** Random tokens, full rows, every target weighted: the loss is a mean. */
export function createData({ config, rowLength, rows }: Workload): Datum[] {
  const rng = createRng(SEED);
  return Array.from({ length: rows }, () => {
    const ids = Array.from({ length: rowLength + 1 }, () =>
      tokenId(rng.integer(0, config.vocabularySize - 1)),
    );
    return {
      tokens: ids.slice(0, -1),
      targets: ids.slice(1),
      weights: Array.from({ length: rowLength }, () => 1 / (rows * rowLength)),
    };
  });
}

/**
 * Floating-point operations of a training step for each token: matrix products only, backward counted as twice the
 * forward; of attention, only the scores that causality leaves.
 */
export function flopsPerToken({ config, rowLength }: Workload): number {
  // The embedding counts once, as the tied head.
  const matrixElements = parameterSpecs(config)
    .filter(({ shape }) => shape.length === 2)
    .reduce((sum, { size }) => sum + size, 0);
  const keysPerQuery = (rowLength + 1) / 2;
  const attentionProducts = 2 * config.layers * keysPerQuery * config.heads * config.headSize;
  return 3 * 2 * (matrixElements + attentionProducts);
}
