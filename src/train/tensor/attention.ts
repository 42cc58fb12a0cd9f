/** Causal attention within documents that share a row, with its gradient. */
import type { GraphBuilder, Value } from "./graph.ts";
import { add, matmul, multiply, reshape, subtract, sumLast } from "./primitives.ts";
import type { Tape } from "./tape.ts";

/** Large enough to vanish under exp, small enough to stay finite when scores are added. */
const MASKED = -1e9;

/**
 * The additive mask [B, 1, T, T] of rows that hold several documents: query i sees keys start(i)..i, where `starts`
 * [B, T, 1] int64 is the index in the row of the first token of i's document. One mask serves every layer and head.
 */
export function documentMask(graph: GraphBuilder, starts: Value): Value {
  const [rows = 1, length = 1] = starts.shape;
  const causal = new Float32Array(length * length).fill(MASKED);
  for (let query = 0; query < length; query++) causal.fill(0, query * length, query * length + query + 1);
  const indices = BigInt64Array.from({ length }, (_, index) => BigInt(index));
  const sameDocument = graph.node(
    "GreaterOrEqual",
    [graph.constant(indices, [1, 1, length]), starts],
    [rows, length, length],
    { type: "bool" },
  );
  const mask = graph.node(
    "Where",
    [sameDocument, graph.constant(causal, [1, length, length]), graph.scalar(MASKED)],
    [rows, length, length],
  );
  return reshape(graph, mask, [rows, 1, length, length]);
}

/**
 * softmax(query key^T / sqrt(headSize) + mask) value. With H heads that share K key and value heads, G = H / K to each:
 * query [B, H, T, S], key and value [B, K, T, S], mask [B, 1, T, T] -> [B, H, T, S]. The G queries of one key are laid end
 * to end, so that sharing costs no copies and the gradients of keys and values add up inside one product.
 */
export function attention(tape: Tape, query: Value, key: Value, value: Value, mask: Value): Value {
  const { graph } = tape;
  const [rows = 1, heads = 1, length = 1, headSize = 1] = query.shape;
  const keyHeads = key.shape[1] ?? 1;
  const group = heads / keyHeads;
  const stacked = [rows, keyHeads, group * length, headSize];
  const scale = 1 / Math.sqrt(headSize);

  const queries = reshape(graph, query, stacked);
  const products = matmul(graph, queries, key, { transposeRight: true, scale });
  const perHead = reshape(graph, products, [rows, heads, length, length]);
  const scores = add(graph, perHead, mask);
  const softmax = graph.node("Softmax", [scores], scores.shape, { attributes: { axis: -1 } });
  const probabilities = reshape(graph, softmax, products.shape);
  const stackedOutput = matmul(graph, probabilities, value);
  const output = reshape(graph, stackedOutput, query.shape);

  return tape.record(output, [query, key, value], (gradient) => {
    const outputGradient = reshape(graph, gradient, stacked);
    const valueGradient = matmul(graph, probabilities, outputGradient, { transposeLeft: true });
    const probabilityGradient = matmul(graph, outputGradient, value, { transposeRight: true });
    // Softmax: dS = P * (dP - sum(dP * P)), and sum(dP * P) = dO . O, which is T / headSize times less to add up.
    const dot = sumLast(graph, multiply(graph, outputGradient, stackedOutput));
    const scoreGradient = multiply(graph, probabilities, subtract(graph, probabilityGradient, dot));
    return [
      reshape(graph, matmul(graph, scoreGradient, key, { scale }), query.shape),
      matmul(graph, scoreGradient, queries, { transposeLeft: true, scale }),
      valueGradient,
    ];
  });
}
