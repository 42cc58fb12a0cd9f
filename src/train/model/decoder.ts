/**
 * A dense decoder of the Llama family as an ONNX graph over a batch of packed rows: B rows of T tokens, N = B * T. Each row holds one or more
 * documents one after another. Padding is a document of its own, whose weights are 0. What differs between architectures is in
 * `architectures/`.
 */
import { TrainError } from "../../core/errors.ts";
import { attention, type DocumentMask, documentMask } from "../tensor/attention.ts";
import { GraphBuilder, type Value } from "../tensor/graph.ts";
import {
  gatedSilu,
  linear,
  linearPlus,
  logSumExpOfProducts,
  minus,
  normalise,
  plusBias,
  reshape,
  rmsNorm,
  rotate,
  rowDot,
  type RotaryTables,
  scaleColumns,
  transpose,
  weightedSum,
} from "../tensor/operations.ts";
import { matmul } from "../tensor/primitives.ts";
import { Tape } from "../tensor/tape.ts";
import { architectureOf, type DecoderConfig } from "./config.ts";
import { EMBEDDING, FINAL_NORM, layerNames, OUTPUT_HEAD, parameterSpecs } from "./parameters.ts";
import { rotaryPeriods } from "./rotary.ts";

export interface BatchShape {
  /** B. */
  readonly rows: number;
  /** T. */
  readonly length: number;
}

/** The graph's inputs beside the parameters, which go by their own names. */
export const INPUT = {
  /** [N] int64. */
  tokens: "tokens",
  /** [B, T] int64: index within the document. */
  positions: "positions",
  /** [B, T, 1] int64: index in the row of the first token of each token's document. */
  starts: "starts",
  /** [N] int64. */
  targets: "targets",
  /** [N, 1] float. */
  weights: "weights",
} as const;

/** [N, 1]: the log-probability of each target, in every graph but the one that returns logits. */
export const LOGPROBS = "logprobs";
/** [N, V]. */
export const LOGITS = "logits";

/** An output of a gradient graph. It is added to the gradient of a parameter. */
export type GradientOutput =
  | { readonly kind: "dense"; readonly output: string; readonly parameter: string }
  /** Row n of the output [N, D] belongs to row ids[n] of the parameter, where `ids` names an input. */
  | { readonly kind: "rows"; readonly output: string; readonly parameter: string; readonly ids: string };

export interface GradientGraph {
  readonly graph: GraphBuilder;
  readonly gradients: readonly GradientOutput[];
}

/** Log-probabilities of the targets; no gradients. */
export function buildScoreGraph(config: DecoderConfig, batch: BatchShape): GraphBuilder {
  const model = new ModelGraph(config, batch);
  model.graph.output(LOGPROBS, model.logprobs());
  return model.graph;
}

/** Logits at every position. */
export function buildLogitsGraph(config: DecoderConfig, batch: BatchShape): GraphBuilder {
  const model = new ModelGraph(config, batch);
  model.graph.output(LOGITS, matmul(model.graph, model.finalHidden(), model.head, { transposeRight: true }));
  return model.graph;
}

/** Log-probabilities of the targets, and the gradients of -sum(weights * logprobs). */
export function buildGradientGraph(config: DecoderConfig, batch: BatchShape): GradientGraph {
  const model = new ModelGraph(config, batch);
  const { graph, tape } = model;
  const logprobs = model.logprobs();
  graph.output(LOGPROBS, logprobs);
  const weights = graph.input(INPUT.weights, "float32", logprobs.shape);
  const loss = weightedSum(tape, logprobs, graph.node("Neg", [weights], weights.shape));
  const parameters = [...model.parameters.values()];
  const gradients: GradientOutput[] = [];
  for (const [index, { dense, rows }] of tape.gradients(loss, parameters).entries()) {
    const parameter = parameters[index]?.name ?? "";
    if (dense) {
      const output = `gradient ${parameter}`;
      graph.output(output, dense);
      gradients.push({ kind: "dense", output, parameter });
    }
    for (const { ids, rows: values } of rows) {
      const output = `gradient ${parameter} at ${ids.name}`;
      graph.output(output, values);
      gradients.push({ kind: "rows", output, parameter, ids: ids.name });
    }
  }
  return { graph, gradients };
}

/** Queries that are scored together. */
const QUERY_BLOCK = 128;

class ModelGraph {
  readonly graph = new GraphBuilder();
  readonly tape = new Tape(this.graph);
  readonly parameters: ReadonlyMap<string, Value>;
  readonly #config: DecoderConfig;
  readonly #batch: BatchShape;

  constructor(config: DecoderConfig, batch: BatchShape) {
    this.#config = config;
    this.#batch = batch;
    this.parameters = new Map(
      parameterSpecs(config).map(({ name, shape }) => [name, this.graph.input(name, "float32", shape)]),
    );
  }

  /** The matrix that turns hidden states into logits, [V, D]. */
  get head(): Value {
    return this.#parameter(this.#config.tiedEmbeddings ? EMBEDDING : OUTPUT_HEAD);
  }

  /** [N, 1]. */
  logprobs(): Value {
    const { graph, tape, head } = this;
    const hidden = this.finalHidden();
    const targets = graph.input(INPUT.targets, "int64", [this.#tokenCount]);
    return minus(
      tape,
      rowDot(tape, hidden, tape.gatherRows(head, targets)),
      logSumExpOfProducts(tape, hidden, head),
    );
  }

  /** [N, D], after the last norm. */
  finalHidden(): Value {
    const { graph, tape } = this;
    const { rows, length } = this.#batch;
    const tokens = graph.input(INPUT.tokens, "int64", [this.#tokenCount]);
    const positions = graph.input(INPUT.positions, "int64", [rows, length]);
    const mask = documentMask(
      graph,
      graph.input(INPUT.starts, "int64", [rows, length, 1]),
      queryBlocks(length),
    );
    const rotary = rotaryTables(graph, this.#config);
    let hidden = tape.gatherRows(this.#parameter(EMBEDDING), tokens);
    for (let layer = 0; layer < this.#config.layers; layer++) {
      hidden = this.#attentionBlock(layer, hidden, positions, mask, rotary);
      hidden = this.#mlpBlock(layer, hidden);
    }
    return rmsNorm(tape, hidden, this.#parameter(FINAL_NORM), this.#config.rmsEpsilon);
  }

  /** hidden [N, D] with the attention of `layer` added. */
  #attentionBlock(
    layer: number,
    hidden: Value,
    positions: Value,
    mask: DocumentMask,
    rotary: RotaryTables,
  ): Value {
    const { tape } = this;
    const { heads, keyValueHeads, headSize, rmsEpsilon } = this.#config;
    const { rows, length } = this.#batch;
    const names = layerNames(layer);
    const normalised = normalise(tape, hidden, rmsEpsilon);
    const { attentionBias, headNorms } = architectureOf(this.#config);
    const project = (weight: string, bias: string): Value => {
      const scaled = scaleColumns(tape, this.#parameter(weight), this.#parameter(names.inputNorm));
      const product = linear(tape, normalised, scaled);
      return attentionBias ? plusBias(tape, product, this.#parameter(bias)) : product;
    };
    const toHeads = (x: Value, count: number): Value =>
      transpose(tape, reshape(tape, x, [rows, length, count, headSize]), [0, 2, 1, 3]);
    const rotatedHeads = (weight: string, bias: string, norm: string, count: number): Value => {
      const each = reshape(tape, project(weight, bias), [this.#tokenCount * count, headSize]);
      const scaled = headNorms ? rmsNorm(tape, each, this.#parameter(norm), rmsEpsilon) : each;
      return rotate(tape, toHeads(scaled, count), positions, rotary);
    };
    const query = rotatedHeads(names.query, names.queryBias, names.queryNorm, heads);
    const key = rotatedHeads(names.key, names.keyBias, names.keyNorm, keyValueHeads);
    const value = toHeads(project(names.value, names.valueBias), keyValueHeads);
    const mixed = transpose(tape, attention(tape, query, key, value, mask), [0, 2, 1, 3]);
    return linearPlus(
      tape,
      hidden,
      reshape(tape, mixed, [this.#tokenCount, heads * headSize]),
      this.#parameter(names.output),
    );
  }

  /** hidden [N, D] with the feed-forward of `layer` added. */
  #mlpBlock(layer: number, hidden: Value): Value {
    const { tape } = this;
    const names = layerNames(layer);
    const normalised = normalise(tape, hidden, this.#config.rmsEpsilon);
    const project = (weight: string): Value =>
      linear(tape, normalised, scaleColumns(tape, this.#parameter(weight), this.#parameter(names.mlpNorm)));
    return linearPlus(
      tape,
      hidden,
      gatedSilu(tape, project(names.gate), project(names.up)),
      this.#parameter(names.down),
    );
  }

  get #tokenCount(): number {
    return this.#batch.rows * this.#batch.length;
  }

  #parameter(name: string): Value {
    const value = this.parameters.get(name);
    if (!value) throw new TrainError(`the model has no parameter ${name}.`, { code: "internal" });
    return value;
  }
}

/** Blocks of queries in a row of `length`: small enough to skip much of the upper triangle, large enough to be efficient. */
export function queryBlocks(length: number): number {
  const wanted = Math.round(length / QUERY_BLOCK);
  for (let blocks = wanted; blocks > 1; blocks--) if (length % blocks === 0) return blocks;
  return 1;
}

export function rotaryTables(graph: GraphBuilder, config: DecoderConfig): RotaryTables {
  const half = config.headSize / 2;
  const cosine = new Float32Array(config.maxPositions * half);
  const sine = new Float32Array(cosine.length);
  const periods = rotaryPeriods(config);
  for (let position = 0; position < config.maxPositions; position++) {
    for (let pair = 0; pair < half; pair++) {
      const angle = position / (periods[pair] ?? 1);
      cosine[position * half + pair] = Math.cos(angle);
      sine[position * half + pair] = Math.sin(angle);
    }
  }
  const shape = [config.maxPositions, half];
  return {
    cosine: graph.constant(cosine, shape),
    sine: graph.constant(sine, shape),
    negativeSine: graph.constant(
      sine.map((value) => -value),
      shape,
    ),
  };
}
