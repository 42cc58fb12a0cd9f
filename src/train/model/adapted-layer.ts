/**
 * One layer of a frozen decoder with a LoRA adapter, as two graphs that serve every layer: forward, and backward. The forward one keeps the
 * results of its large products; the backward one takes them as inputs and computes everything else again. So the products with the base
 * are made once forward and once backward, and no gradient of the base exists. B rows of T tokens, N = B * T, r the rank.
 */
import { attention, documentMask } from "../tensor/attention.ts";
import { GraphBuilder, type Shape, type Value } from "../tensor/graph.ts";
import { gatedSilu, reshape, rmsNorm, rotate, transpose } from "../tensor/operations.ts";
import { matmul } from "../tensor/primitives.ts";
import { Tape } from "../tensor/tape.ts";
import { type AdapterShape, isAdapted } from "./adapter.ts";
import { architectureOf, type DecoderConfig } from "./config.ts";
import { layerNames, type LayerParameter, parameterSpecs } from "./parameters.ts";
import { type BatchShape, INPUT, queryBlocks, rotaryTables } from "./decoder.ts";

/** [N, D]: the layer's input, in both graphs. */
export const HIDDEN = "hidden";
/** [N, D]: the layer's output, of the forward graph. */
export const LAYER_OUTPUT = "layer output";
/** [N, D]: gradient of the layer's output, an input of the backward graph. */
export const OUTPUT_GRADIENT = "output gradient";
/** [N, D]: gradient of the layer's input, an output of the backward graph. */
export const HIDDEN_GRADIENT = "hidden gradient";

/** Names of a parameter's two adapter matrices in the graphs. */
export const adapterInputs = (parameter: LayerParameter): { readonly a: string; readonly b: string } => ({
  a: `${parameter} A`,
  b: `${parameter} B`,
});
/** Name of the gradient of a graph input. */
export const gradientOf = (input: string): string => `gradient ${input}`;

export interface LayerGraphs {
  /** Outputs: {@link LAYER_OUTPUT} and what is kept. */
  readonly forward: GraphBuilder;
  /** Outputs: {@link HIDDEN_GRADIENT}, and the gradients of the adapter's matrices, by {@link gradientOf}. */
  readonly backward: GraphBuilder;
  readonly kept: readonly KeptValue[];
}

/** A value that the forward graph puts out and the backward one takes. */
export interface KeptValue {
  /** Name of the forward graph's output. */
  readonly output: string;
  /** Name of the backward graph's input. */
  readonly input: string;
  readonly shape: Shape;
}

/** Inputs of both: {@link HIDDEN}, `INPUT.positions`, `INPUT.starts`, the layer's parameters by `LayerParameter`, and those of the adapter. */
export function buildLayerGraphs(
  config: DecoderConfig,
  adapter: AdapterShape,
  batch: BatchShape,
): LayerGraphs {
  const forward = new LayerGraph(config, adapter, batch, "forward");
  forward.graph.output(LAYER_OUTPUT, forward.layer());
  const backward = new LayerGraph(config, adapter, batch, "backward");
  const { graph, tape } = backward;
  const output = backward.layer();
  const outputGradient = graph.input(OUTPUT_GRADIENT, "float32", output.shape);
  const wanted = [backward.hidden, ...backward.adapterMatrices];
  for (const [index, { dense }] of tape.gradients(output, wanted, outputGradient).entries()) {
    const name = wanted[index]?.name ?? "";
    if (dense !== undefined) graph.output(name === HIDDEN ? HIDDEN_GRADIENT : gradientOf(name), dense);
  }
  return { forward: forward.graph, backward: graph, kept: forward.kept };
}

class LayerGraph {
  readonly graph = new GraphBuilder();
  readonly tape = new Tape(this.graph);
  readonly hidden: Value;
  readonly adapterMatrices: Value[] = [];
  readonly kept: KeptValue[] = [];
  readonly #config: DecoderConfig;
  readonly #adapter: AdapterShape;
  readonly #batch: BatchShape;
  readonly #pass: "forward" | "backward";
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #parameters = new Map<LayerParameter, Value>();

  constructor(config: DecoderConfig, adapter: AdapterShape, batch: BatchShape, pass: "forward" | "backward") {
    this.#config = config;
    this.#adapter = adapter;
    this.#batch = batch;
    this.#pass = pass;
    this.#shapes = new Map(parameterSpecs(config).map(({ name, shape }) => [name, shape]));
    this.hidden = this.graph.input(HIDDEN, "float32", [batch.rows * batch.length, config.hiddenSize]);
  }

  /** The layer's output. In the backward graph its values do not exist, only its gradient. */
  layer(): Value {
    const { tape } = this;
    const middle = this.#attentionBlock();
    const normalised = this.#norm(middle, "mlpNorm");
    const inner = gatedSilu(tape, this.#projection("gate", normalised), this.#projection("up", normalised));
    return this.#residual("down", inner, middle, false);
  }

  #attentionBlock(): Value {
    const { tape, graph } = this;
    const { heads, keyValueHeads, headSize, rmsEpsilon } = this.#config;
    const { headNorms } = architectureOf(this.#config);
    const { rows, length } = this.#batch;
    const positions = graph.input(INPUT.positions, "int64", [rows, length]);
    const starts = graph.input(INPUT.starts, "int64", [rows, length, 1]);
    const mask = documentMask(graph, starts, queryBlocks(length));
    // No document is longer than a row, so the angles of its positions are enough.
    const rotary = rotaryTables(graph, { ...this.#config, maxPositions: length });
    const normalised = this.#norm(this.hidden, "inputNorm");
    const toHeads = (x: Value, count: number): Value =>
      transpose(tape, reshape(tape, x, [rows, length, count, headSize]), [0, 2, 1, 3]);
    const rotated = (
      projection: LayerParameter,
      bias: LayerParameter,
      norm: LayerParameter,
      count: number,
    ): Value => {
      const flat = this.#projection(projection, normalised, bias);
      const each = reshape(tape, flat, [rows * length * count, headSize]);
      const scaled = headNorms ? rmsNorm(tape, each, this.#parameter(norm), rmsEpsilon) : each;
      return rotate(tape, toHeads(scaled, count), positions, rotary);
    };
    const query = rotated("query", "queryBias", "queryNorm", heads);
    const key = rotated("key", "keyBias", "keyNorm", keyValueHeads);
    const value = toHeads(this.#projection("value", normalised, "valueBias"), keyValueHeads);
    const mixed = transpose(tape, attention(tape, query, key, value, mask), [0, 2, 1, 3]);
    return this.#residual(
      "output",
      reshape(tape, mixed, [rows * length, heads * headSize]),
      this.hidden,
      true,
    );
  }

  #norm(x: Value, parameter: LayerParameter): Value {
    return rmsNorm(this.tape, x, this.#parameter(parameter), this.#config.rmsEpsilon);
  }

  /** x [N, in] times the parameter [out, in] transposed, with its adapter and its bias if the model has one: [N, out]. The result is kept. */
  #projection(parameter: LayerParameter, x: Value, bias?: LayerParameter): Value {
    const weight = this.#parameter(parameter);
    const added =
      bias !== undefined && architectureOf(this.#config).attentionBias ? this.#parameter(bias) : undefined;
    const plain = (): Value =>
      added === undefined
        ? matmul(this.graph, x, weight, { transposeRight: true })
        : this.graph.node("Gemm", [x, weight, added], [x.shape[0] ?? 1, weight.shape[0] ?? 1], {
            attributes: { transB: 1 },
          });
    return this.#adapted(parameter, x, weight, plain, { isKept: true });
  }

  /** The same, with `residual` [N, out] added. */
  #residual(parameter: LayerParameter, x: Value, residual: Value, isKept: boolean): Value {
    const weight = this.#parameter(parameter);
    const plain = (): Value =>
      this.graph.node("Gemm", [x, weight, residual], residual.shape, { attributes: { transB: 1 } });
    return this.#adapted(parameter, x, weight, plain, { isKept, residual });
  }

  #adapted(
    parameter: LayerParameter,
    x: Value,
    weight: Value,
    plain: () => Value,
    { isKept, residual }: { readonly isKept: boolean; readonly residual?: Value },
  ): Value {
    const { graph, tape } = this;
    const [tokens = 1] = x.shape;
    const [outputs = 1, inputs = 1] = weight.shape;
    const shape = [tokens, outputs];
    const addResidual = residual === undefined ? [] : [residual];
    if (!isAdapted(this.#adapter, parameter)) {
      const output = this.#keep(parameter, shape, isKept, plain);
      return tape.record(output, [x, ...addResidual], (gradient) => [
        matmul(graph, gradient, weight),
        gradient,
      ]);
    }
    const { rank, alpha } = this.#adapter;
    const scale = alpha / rank;
    const names = adapterInputs(parameter);
    const a = graph.input(names.a, "float32", [rank, inputs]);
    const b = graph.input(names.b, "float32", [outputs, rank]);
    this.adapterMatrices.push(a, b);
    const narrow = this.#keep(`${parameter} narrow`, [tokens, rank], true, () =>
      matmul(graph, x, a, { transposeRight: true }),
    );
    const output = this.#keep(parameter, shape, isKept, () =>
      graph.node("Gemm", [narrow, b, plain()], shape, { attributes: { transB: 1, alpha: { float: scale } } }),
    );
    return tape.record(output, [x, a, b, ...addResidual], (gradient) => {
      const narrowGradient = matmul(graph, gradient, b, { scale });
      return [
        graph.node("Gemm", [narrowGradient, a, matmul(graph, gradient, weight)], x.shape),
        matmul(graph, narrowGradient, x, { transposeLeft: true }),
        matmul(graph, gradient, narrow, { transposeLeft: true, scale }),
        gradient,
      ];
    });
  }

  /** Computes a value and puts it out, in the forward graph; takes it as an input, in the backward graph. */
  #keep(what: string, shape: Shape, isKept: boolean, compute: () => Value): Value {
    const name = `kept ${what}`;
    if (this.#pass === "forward") {
      const value = compute();
      if (!isKept) return value;
      this.graph.expose(value);
      this.kept.push({ output: value.name, input: name, shape });
      return value;
    }
    return isKept ? this.graph.input(name, "float32", shape) : { name, type: "float32", shape };
  }

  #parameter(parameter: LayerParameter): Value {
    const known = this.#parameters.get(parameter);
    if (known !== undefined) return known;
    const shape = this.#shapes.get(layerNames(0)[parameter]) ?? [];
    const value = this.graph.input(parameter, "float32", shape);
    this.#parameters.set(parameter, value);
    return value;
  }
}
