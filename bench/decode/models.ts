/** Random-weight models of realistic shapes. What they write is noise; what they cost is what models of that shape cost. */
import { rmSync } from "node:fs";

import { LlamaEngine, type LlamaEngineOptions } from "../../src/engines/llama/llama-engine.ts";
import {
  temporaryFolder,
  tinyControlId,
  type TinyModelOptions,
  tinyModel,
  type TinyModel,
  writeTinyModel,
} from "../../test/support/tiny-models.ts";

export interface Shape extends TinyModelOptions {
  readonly name: string;
}

const VOCABULARY = 2048;
export const SHAPES = {
  /** The shape of the shipped small model. */
  micro: { name: "micro-small", seed: 1, width: 64, layers: 2, headSize: 16, feedForward: 128 },
  small: {
    name: "small",
    seed: 2,
    width: 256,
    layers: 6,
    heads: 4,
    keyValueHeads: 2,
    headSize: 64,
    feedForward: 768,
    vocabularySize: VOCABULARY,
    contextLength: 20_000,
  },
  big: {
    name: "big",
    seed: 3,
    width: 512,
    layers: 12,
    heads: 8,
    keyValueHeads: 4,
    headSize: 64,
    feedForward: 1536,
    vocabularySize: VOCABULARY,
    contextLength: 20_000,
  },
} as const satisfies Record<string, Shape>;

/** Never the likeliest: the head is tied to the embedding, and a row of zeros gives the logit 0. */
const SILENT = ["<|endoftext|>", "<|im_end|>", "</bigmodel>", "<bigmodel>"] as const;

function silenced(model: TinyModel): TinyModel {
  const embedding = model.embedding.slice();
  for (const marker of SILENT) {
    const id = tinyControlId(marker);
    embedding.fill(0, id * model.width, (id + 1) * model.width);
  }
  return { ...model, embedding };
}

const parametersOf = (model: TinyModel): number =>
  model.embedding.length +
  model.outputNorm.length +
  model.weights
    .flatMap((layer) => Object.values(layer) as Float32Array[])
    .reduce((sum, tensor) => sum + tensor.length, 0);

export class BenchModels {
  readonly #folder = temporaryFolder();
  readonly #written = new Map<string, { readonly path: string; readonly parameters: number }>();

  /** Writes a shape once; returns its file. */
  write(shape: Shape): { readonly path: string; readonly parameters: number } {
    let file = this.#written.get(shape.name);
    if (file === undefined) {
      const model = silenced(tinyModel(shape));
      file = { path: writeTinyModel(model, this.#folder, shape.name), parameters: parametersOf(model) };
      this.#written.set(shape.name, file);
    }
    return file;
  }

  load(shape: Shape, options: LlamaEngineOptions): Promise<LlamaEngine> {
    return LlamaEngine.load(this.write(shape).path, { name: shape.name, threads: 1, ...options });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Text of exactly `tokens` tokens: digits are never merged. */
export const digits = (tokens: number): string =>
  "0123456789".repeat(Math.ceil(tokens / 10)).slice(0, tokens);
