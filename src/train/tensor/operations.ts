/**
 * The differentiable operations a decoder is made of, but for attention. N counts tokens, D features. Each writes its
 * forward nodes and records its vector-Jacobian product; all of them are checked against finite differences.
 */
import { TrainError } from "../../core/errors.ts";
import { elementCount, type Shape, type Value } from "./graph.ts";
import {
  add,
  matmul,
  multiply,
  reshape as emitReshape,
  subtract,
  sumAll,
  sumFirst,
  sumLast,
  transpose as emitTranspose,
} from "./primitives.ts";
import type { Tape } from "./tape.ts";

/** x [N, in] times weight [out, in] transposed -> [N, out]. */
export function linear(tape: Tape, x: Value, weight: Value): Value {
  const { graph } = tape;
  return tape.record(matmul(graph, x, weight, { transposeRight: true }), [x, weight], (gradient) => [
    matmul(graph, gradient, weight),
    matmul(graph, gradient, x, { transposeLeft: true }),
  ]);
}

/** residual [N, out] + x [N, in] times weight [out, in] transposed, in one product. */
export function linearPlus(tape: Tape, residual: Value, x: Value, weight: Value): Value {
  const { graph } = tape;
  const output = graph.node("Gemm", [x, weight, residual], residual.shape, { attributes: { transB: 1 } });
  return tape.record(output, [residual, x, weight], (gradient) => [
    gradient,
    matmul(graph, gradient, weight),
    matmul(graph, gradient, x, { transposeLeft: true }),
  ]);
}

/** x [N, out] with a bias [out] added to each row. */
export function plusBias(tape: Tape, x: Value, bias: Value): Value {
  const { graph } = tape;
  return tape.record(add(graph, x, bias), [x, bias], (gradient) => [gradient, sumFirst(graph, gradient)]);
}

/**
 * weight [out, in] with column i multiplied by scale [in]. Folding a norm's scale into the projection that reads it moves
 * that product, and the gradient of the scale, from N tokens to the weight alone.
 */
export function scaleColumns(tape: Tape, weight: Value, scale: Value): Value {
  const { graph } = tape;
  return tape.record(multiply(graph, weight, scale), [weight, scale], (gradient) => [
    multiply(graph, gradient, scale),
    sumFirst(graph, multiply(graph, gradient, weight)),
  ]);
}

/** Rows of x [..., D] divided by their root mean square: RMSNorm without its scale. */
export function normalise(tape: Tape, x: Value, epsilon: number): Value {
  const { graph } = tape;
  const width = lastAxis(x.shape);
  const [y, inverse] = rmsNode(tape, x, graph.ones(width), epsilon);
  return tape.record(y, [x], (gradient) => {
    // dx = (dy - y * mean(dy * y)) / rms
    const mean = multiply(graph, sumLast(graph, multiply(graph, gradient, y)), graph.scalar(1 / width));
    return [multiply(graph, subtract(graph, gradient, multiply(graph, y, mean)), inverse)];
  });
}

/** RMSNorm with its scale [D]: x [M, D] -> [M, D]. */
export function rmsNorm(tape: Tape, x: Value, scale: Value, epsilon: number): Value {
  const { graph } = tape;
  const width = lastAxis(x.shape);
  const rows = elementCount(x.shape) / width;
  const [y, inverse] = rmsNode(tape, x, scale, epsilon);
  return tape.record(y, [x, scale], (gradient) => {
    // dx = (dy * scale - x * sum(dy * x * scale) / (D * rms^2)) / rms; the sums are products with a vector.
    const product = multiply(graph, gradient, x);
    const dot = matmul(graph, product, emitReshape(graph, scale, [width, 1]));
    const share = multiply(
      graph,
      multiply(graph, dot, graph.scalar(1 / width)),
      multiply(graph, inverse, inverse),
    );
    const scaleGradient = matmul(graph, emitReshape(graph, inverse, [1, rows]), product);
    return [
      multiply(graph, subtract(graph, multiply(graph, gradient, scale), multiply(graph, x, share)), inverse),
      emitReshape(graph, scaleGradient, [width]),
    ];
  });
}

function rmsNode(tape: Tape, x: Value, scale: Value, epsilon: number): [y: Value, inverse: Value] {
  const shapes: [Shape, Shape] = [x.shape, [...x.shape.slice(0, -1), 1]];
  return tape.graph.nodeMany("SimplifiedLayerNormalization", [x, scale], shapes, {
    attributes: { axis: -1, epsilon: { float: epsilon }, stash_type: 1 },
  }) as [Value, Value];
}

/** silu(gate) * up, all of one shape: the inside of SwiGLU. */
export function gatedSilu(tape: Tape, gate: Value, up: Value): Value {
  const { graph } = tape;
  const sigmoid = graph.node("Sigmoid", [gate], gate.shape);
  const silu = multiply(graph, gate, sigmoid);
  const output = multiply(graph, silu, up);
  return tape.record(output, [gate, up], (gradient) => {
    // silu' = sigmoid * (1 - silu) + silu, so up * silu' = sigmoid * (up - output) + output.
    const slope = add(graph, multiply(graph, sigmoid, subtract(graph, up, output)), output);
    return [multiply(graph, gradient, slope), multiply(graph, gradient, silu)];
  });
}

/** Tables of a rotary embedding: row p holds the angles of position p. */
export interface RotaryTables {
  /** [positions, headSize / 2]. */
  readonly cosine: Value;
  readonly sine: Value;
  /** The same with the opposite sign: a rotation's transpose is the rotation back. */
  readonly negativeSine: Value;
}

/** Rotates x [B, heads, T, headSize] by positions [B, T]; halves are paired (NEOX), not neighbours. */
export function rotate(tape: Tape, x: Value, positions: Value, tables: RotaryTables): Value {
  const rotateBy = (value: Value, sine: Value): Value =>
    tape.graph.node("RotaryEmbedding", [value, positions, tables.cosine, sine], value.shape, {
      domain: "com.microsoft",
      attributes: { interleaved: 0 },
    });
  return tape.record(rotateBy(x, tables.sine), [x], (gradient) => [rotateBy(gradient, tables.negativeSine)]);
}

export function reshape(tape: Tape, x: Value, shape: Shape): Value {
  return tape.record(emitReshape(tape.graph, x, shape), [x], (gradient) => [
    emitReshape(tape.graph, gradient, x.shape),
  ]);
}

export function transpose(tape: Tape, x: Value, permutation: readonly number[]): Value {
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  return tape.record(emitTranspose(tape.graph, x, permutation), [x], (gradient) => [
    emitTranspose(tape.graph, gradient, inverse),
  ]);
}

/** Dot products of rows: [N, D], [N, D] -> [N, 1]. */
export function rowDot(tape: Tape, left: Value, right: Value): Value {
  const { graph } = tape;
  return tape.record(sumLast(graph, multiply(graph, left, right)), [left, right], (gradient) => [
    multiply(graph, right, gradient),
    multiply(graph, left, gradient),
  ]);
}

/**
 * log(sum over v of exp(x . table[v])): x [N, D], table [V, D] -> [N, 1]. The gradients need the probabilities only as a
 * factor of matrix products, so the gradient of the [N, V] logits is never written out.
 */
export function logSumExpOfProducts(tape: Tape, x: Value, table: Value): Value {
  const { graph } = tape;
  const logits = matmul(graph, x, table, { transposeRight: true });
  const probabilities = graph.node("Softmax", [logits], logits.shape, { attributes: { axis: -1 } });
  // The largest probability is at least 1 / V, so its logarithm is exact where that of a rare target would not be.
  const largest = (value: Value): Value =>
    graph.node("ReduceMax", [value, graph.integers([-1])], [...value.shape.slice(0, -1), 1], {
      attributes: { keepdims: 1 },
    });
  const top = largest(probabilities);
  const output = subtract(graph, largest(logits), graph.node("Log", [top], top.shape));
  return tape.record(output, [x, table], (gradient) => [
    multiply(graph, matmul(graph, probabilities, table), gradient),
    matmul(graph, probabilities, multiply(graph, x, gradient), { transposeLeft: true }),
  ]);
}

/** left - right, both of one shape. */
export function minus(tape: Tape, left: Value, right: Value): Value {
  const { graph } = tape;
  return tape.record(subtract(graph, left, right), [left, right], (gradient) => [
    gradient,
    graph.node("Neg", [gradient], gradient.shape),
  ]);
}

/** Scalar sum of x * factors, where `factors` has x's shape and is not differentiated. */
export function weightedSum(tape: Tape, x: Value, factors: Value): Value {
  const { graph } = tape;
  return tape.record(sumAll(graph, multiply(graph, x, factors)), [x], (gradient) => [
    multiply(graph, factors, gradient),
  ]);
}

function lastAxis(shape: Shape): number {
  const size = shape.at(-1);
  if (size === undefined) throw new TrainError("a scalar has no last axis.", { code: "internal" });
  return size;
}
