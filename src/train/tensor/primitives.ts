/**
 * Operators with their shapes worked out, without gradients: what forward passes and vector-Jacobian products are written
 * in. Shapes follow ONNX; `matmul` multiplies the last two axes and broadcasts none of the leading ones.
 */
import { TrainError } from "../../core/errors.ts";
import type { GraphBuilder, Shape, Value } from "./graph.ts";

const axisSize = (shape: Shape, axis: number): number => shape.at(axis) ?? 1;

/** Shapes are aligned at their last axis; an axis of size 1 is stretched. */
function broadcastShape(left: Shape, right: Shape): Shape {
  const rank = Math.max(left.length, right.length);
  return Array.from({ length: rank }, (_, index) =>
    Math.max(left[index - rank + left.length] ?? 1, right[index - rank + right.length] ?? 1),
  );
}

const elementwise = (graph: GraphBuilder, operator: string, left: Value, right: Value): Value =>
  graph.node(operator, [left, right], broadcastShape(left.shape, right.shape));

export const add = (graph: GraphBuilder, left: Value, right: Value): Value =>
  elementwise(graph, "Add", left, right);
export const subtract = (graph: GraphBuilder, left: Value, right: Value): Value =>
  elementwise(graph, "Sub", left, right);
export const multiply = (graph: GraphBuilder, left: Value, right: Value): Value =>
  elementwise(graph, "Mul", left, right);

export interface MatmulOptions {
  readonly transposeLeft?: boolean;
  readonly transposeRight?: boolean;
  /** Factor on the product. */
  readonly scale?: number;
}

/** [..., M, K] x [..., K, N] -> [..., M, N]; transposes and the factor cost nothing. */
export function matmul(graph: GraphBuilder, left: Value, right: Value, options: MatmulOptions = {}): Value {
  const { transposeLeft = false, transposeRight = false, scale = 1 } = options;
  const shape = [
    ...left.shape.slice(0, -2),
    axisSize(left.shape, transposeLeft ? -1 : -2),
    axisSize(right.shape, transposeRight ? -2 : -1),
  ];
  if (!transposeLeft && !transposeRight && scale === 1) return graph.node("MatMul", [left, right], shape);
  return graph.node("FusedMatMul", [left, right], shape, {
    domain: "com.microsoft",
    attributes: {
      transA: Number(transposeLeft),
      transB: Number(transposeRight),
      alpha: { float: scale },
    },
  });
}

/** Sums over the last axis and keeps it with size 1. */
export const sumLast = (graph: GraphBuilder, value: Value): Value =>
  graph.node("ReduceSum", [value, graph.integers([-1])], [...value.shape.slice(0, -1), 1], {
    attributes: { keepdims: 1 },
  });

/** Sums over the first axis and drops it. */
export const sumFirst = (graph: GraphBuilder, value: Value): Value =>
  graph.node("ReduceSum", [value, graph.integers([0])], value.shape.slice(1), {
    attributes: { keepdims: 0 },
  });

/** Sums everything to a scalar. */
export const sumAll = (graph: GraphBuilder, value: Value): Value =>
  graph.node("ReduceSum", [value], [], { attributes: { keepdims: 0 } });

export const reshape = (graph: GraphBuilder, value: Value, shape: Shape): Value =>
  graph.node("Reshape", [value, graph.integers(shape)], shape, { type: value.type });

export const transpose = (graph: GraphBuilder, value: Value, permutation: readonly number[]): Value =>
  graph.node(
    "Transpose",
    [value],
    permutation.map((axis) => axisSize(value.shape, axis)),
    { attributes: { perm: permutation } },
  );

/** `parts` slices of equal size along `axis`; the value itself when there is one. */
export function split(graph: GraphBuilder, value: Value, parts: number, axis: number): readonly Value[] {
  if (parts === 1) return [value];
  const shape = value.shape.map((size, index) => (index === axis ? size / parts : size));
  return graph.nodeMany(
    "Split",
    [value],
    Array.from({ length: parts }, () => shape),
    { type: value.type, attributes: { axis, num_outputs: parts } },
  );
}

/** Joins values along `axis`; the value itself when there is one. */
export function concat(graph: GraphBuilder, values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (first === undefined) throw new TrainError("concat: nothing to join.", { code: "internal" });
  if (values.length === 1) return first;
  const length = values.reduce((total, value) => total + axisSize(value.shape, axis), 0);
  return graph.node(
    "Concat",
    values,
    first.shape.map((size, index) => (index === axis ? length : size)),
    { type: first.type, attributes: { axis } },
  );
}

/** Sum of values of one shape; the value itself when there is one. */
export function sum(graph: GraphBuilder, values: readonly Value[]): Value {
  const [first] = values;
  if (first === undefined) throw new TrainError("sum: nothing to add.", { code: "internal" });
  return values.length === 1 ? first : graph.node("Sum", values, first.shape);
}
