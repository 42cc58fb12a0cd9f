/**
 * A frozen decoder with a LoRA adapter, run layer by layer. One compiled graph serves all layers, with a layer's weights bound as inputs: they
 * are read in place. What the layers keep for the backward pass is allocated once, for the largest micro-batch.
 */
import { TrainError } from "../../../core/errors.ts";
import {
  adapterInputs,
  buildLayerGraphs,
  gradientOf,
  HIDDEN,
  HIDDEN_GRADIENT,
  type KeptValue,
  LAYER_OUTPUT,
  OUTPUT_GRADIENT,
} from "../../model/adapted-layer.ts";
import type { AdapterPair, AdapterShape } from "../../model/adapter.ts";
import type { DecoderConfig } from "../../model/config.ts";
import { buildHeadGraph, headName } from "../../model/frozen-head.ts";
import {
  EMBEDDING,
  FINAL_NORM,
  layerNames,
  type ParameterSpec,
  type Weights,
} from "../../model/parameters.ts";
import { type BatchShape, INPUT, LOGPROBS } from "../../model/decoder.ts";
import { elementCount, type GraphBuilder } from "../../tensor/graph.ts";
import { GraphSession, type TensorData } from "../../tensor/session.ts";
import { HEAD_TOKENS } from "./adapter-memory.ts";
import type { MicroBatch } from "./batch.ts";

export interface AdaptedModelOptions {
  readonly config: DecoderConfig;
  readonly weights: Weights;
  readonly adapter: AdapterShape;
  readonly pairs: readonly AdapterPair[];
  readonly threads: number;
  /** The largest micro-batch. */
  readonly largest: BatchShape;
}

interface LayerSessions {
  readonly forward: GraphSession;
  readonly backward: GraphSession;
  readonly kept: readonly KeptValue[];
}

type Buffers = Map<string, Float32Array>;

export class AdaptedModel {
  readonly #options: AdaptedModelOptions;
  readonly #layers = new Map<number, Promise<LayerSessions>>();
  readonly #heads = new Map<string, Promise<GraphSession>>();
  /** Kept values of each layer, by name; and its input. */
  readonly #kept: Buffers[] = [];
  readonly #hidden = new Map<number, Float32Array>();

  constructor(options: AdaptedModelOptions) {
    this.#options = options;
  }

  /**
   * Log-probabilities [N] of the targets whose weight is not 0; NaN elsewhere.
   * @param adapter Values of the adapter, flat.
   * @param gradients Where the gradients of -sum(weights * logprobs) are added, flat. Undefined: forward only.
   */
  async run(
    batch: MicroBatch,
    shape: BatchShape,
    adapter: Float32Array,
    gradients: Float32Array | undefined,
  ): Promise<Float32Array> {
    const { layers } = this.#options.config;
    const sessions = await this.#sessionsOf(shape);
    let hidden = this.#embedded(batch);
    for (let layer = 0; layer < layers; layer++) {
      hidden = await this.#forward(sessions, layer, hidden, batch, adapter, gradients !== undefined);
    }
    const head = await this.#head(hidden, batch, gradients !== undefined);
    if (gradients === undefined || head.gradient === undefined) return head.logprobs;
    let gradient = head.gradient;
    for (let layer = layers - 1; layer >= 0; layer--) {
      gradient = await this.#backward(sessions, layer, gradient, batch, adapter, gradients);
    }
    return head.logprobs;
  }

  async close(): Promise<void> {
    for (const sessions of this.#layers.values()) {
      const { forward, backward } = await sessions;
      await forward.close();
      await backward.close();
    }
    for (const head of this.#heads.values()) await (await head).close();
    this.#layers.clear();
    this.#heads.clear();
  }

  #sessionsOf(shape: BatchShape): Promise<LayerSessions> {
    const { config, adapter } = this.#options;
    return remembered(this.#layers, shape.rows, async () => {
      const { forward, backward, kept } = buildLayerGraphs(config, adapter, shape);
      return { forward: await this.#compile(forward), backward: await this.#compile(backward), kept };
    });
  }

  #compile(graph: GraphBuilder): Promise<GraphSession> {
    return GraphSession.create(graph, { threads: this.#options.threads });
  }

  /** Rows of the embedding, [N, D]. */
  #embedded({ tokens }: MicroBatch): Float32Array {
    const width = this.#options.config.hiddenSize;
    const table = this.#weight(EMBEDDING);
    const hidden = new Float32Array(tokens.length * width);
    for (const [index, id] of tokens.entries()) {
      hidden.set(table.subarray(Number(id) * width, (Number(id) + 1) * width), index * width);
    }
    return hidden;
  }

  async #forward(
    { forward, kept }: LayerSessions,
    layer: number,
    hidden: Float32Array,
    batch: MicroBatch,
    adapter: Float32Array,
    isKept: boolean,
  ): Promise<Float32Array> {
    // Without a backward pass, all layers write to the place of the first one.
    const place = isKept ? layer : 0;
    const into: Buffers = new Map(
      kept.map(({ output, input, shape }) => [output, this.#keptBuffer(place, input, shape)]),
    );
    if (isKept) this.#hidden.set(layer, hidden);
    const feeds = this.#feeds(layer, batch, adapter).set(HIDDEN, hidden);
    return required(await forward.run(feeds, into), LAYER_OUTPUT);
  }

  async #backward(
    { backward, kept }: LayerSessions,
    layer: number,
    gradient: Float32Array,
    batch: MicroBatch,
    adapter: Float32Array,
    gradients: Float32Array,
  ): Promise<Float32Array> {
    const feeds = this.#feeds(layer, batch, adapter)
      .set(HIDDEN, required(this.#hidden, layer))
      .set(OUTPUT_GRADIENT, gradient);
    for (const { input, shape } of kept) feeds.set(input, this.#keptBuffer(layer, input, shape));
    const outputs = await backward.run(feeds);
    for (const pair of this.#options.pairs) {
      if (pair.layer !== layer) continue;
      const names = adapterInputs(pair.parameter);
      for (const [spec, name] of [
        [pair.a, names.a],
        [pair.b, names.b],
      ] as const) {
        const values = required(outputs, gradientOf(name));
        const target = part(gradients, spec);
        for (let index = 0; index < target.length; index++) {
          target[index] = (target[index] as number) + (values[index] as number);
        }
      }
    }
    return required(outputs, HIDDEN_GRADIENT);
  }

  /** The layer's weights, its adapter, and where its tokens stand. */
  #feeds(layer: number, { feeds: batch }: MicroBatch, adapter: Float32Array): Map<string, TensorData> {
    const feeds = new Map<string, TensorData>();
    for (const name of [INPUT.positions, INPUT.starts]) feeds.set(name, required(batch, name));
    for (const [parameter, name] of Object.entries(layerNames(layer))) {
      const tensor = this.#options.weights.get(name);
      if (tensor !== undefined) feeds.set(parameter, tensor.data);
    }
    for (const pair of this.#options.pairs) {
      if (pair.layer !== layer) continue;
      const names = adapterInputs(pair.parameter);
      feeds.set(names.a, part(adapter, pair.a)).set(names.b, part(adapter, pair.b));
    }
    return feeds;
  }

  /** Log-probabilities of the targets with a weight, and the gradient of the last layer's output; in slices. */
  async #head(
    hidden: Float32Array,
    batch: MicroBatch,
    hasGradient: boolean,
  ): Promise<{ readonly logprobs: Float32Array; readonly gradient: Float32Array | undefined }> {
    const { config } = this.#options;
    const width = config.hiddenSize;
    const weights = required(batch.feeds, INPUT.weights);
    const wanted = [...batch.targets.keys()].filter((index) => weights[index] !== 0);
    const logprobs = new Float32Array(batch.targets.length).fill(Number.NaN);
    const gradient = hasGradient ? new Float32Array(hidden.length) : undefined;
    const most = Math.min(HEAD_TOKENS, batch.targets.length);
    const session = await remembered(this.#heads, `${most} ${hasGradient}`, () =>
      this.#compile(buildHeadGraph(config, most, hasGradient)),
    );
    for (let start = 0; start < wanted.length; start += most) {
      const places = wanted.slice(start, start + most);
      const rows = new Float32Array(most * width);
      const targets = new BigInt64Array(most);
      const factors = new Float32Array(most);
      for (const [row, index] of places.entries()) {
        rows.set(hidden.subarray(index * width, (index + 1) * width), row * width);
        targets[row] = batch.targets[index] ?? 0n;
        factors[row] = Number(weights[index]);
      }
      const outputs = await session.run(
        new Map<string, TensorData>([
          [HIDDEN, rows],
          [INPUT.targets, targets],
          [INPUT.weights, factors],
          [FINAL_NORM, this.#weight(FINAL_NORM)],
          [headName(config), this.#weight(headName(config))],
        ]),
      );
      const found = required(outputs, LOGPROBS);
      const back = outputs.get(HIDDEN_GRADIENT);
      for (const [row, index] of places.entries()) {
        logprobs[index] = found[row] ?? Number.NaN;
        if (back !== undefined) gradient?.set(back.subarray(row * width, (row + 1) * width), index * width);
      }
    }
    return { logprobs, gradient };
  }

  #keptBuffer(layer: number, name: string, shape: readonly number[]): Float32Array {
    const { largest } = this.#options;
    const buffers = (this.#kept[layer] ??= new Map());
    const [tokens = 1, ...rest] = shape;
    const most = largest.rows * largest.length;
    const width = elementCount(rest);
    const buffer = remembered(buffers, name, () => new Float32Array(most * width));
    return buffer.subarray(0, tokens * width);
  }

  #weight(name: string): Float32Array {
    return required(this.#options.weights, name).data;
  }
}

const part = (flat: Float32Array, { offset, size }: ParameterSpec): Float32Array =>
  flat.subarray(offset, offset + size);

function remembered<Key, T>(map: Map<Key, T>, key: Key, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

function required<Key, T>(from: { get(key: Key): T | undefined }, key: Key): T {
  const value = from.get(key);
  if (value === undefined)
    throw new TrainError(`the adapted model lost track of ${String(key)}.`, { code: "internal" });
  return value;
}
