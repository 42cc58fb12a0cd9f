/**
 * Causal attention within documents that share a row, with its gradient. Queries are taken in blocks, and a block meets only the keys up to
 * its end. So little more than the causal half of the T x T scores is ever computed.
 */
import type { GraphBuilder, Value } from "./graph.ts";
import { add, concat, matmul, multiply, reshape, split, subtract, sum, sumLast } from "./primitives.ts";
import type { Tape } from "./tape.ts";

/** Large enough to vanish under exp, small enough to stay finite when scores are added. */
const MASKED = -1e9;
const SEQUENCE_AXIS = 2;

/** Blocks of queries: `size` of them each, masks[i] [B, 1, size, (i + 1) * size] added to the scores of block i. */
export interface DocumentMask {
  readonly size: number;
  readonly masks: readonly Value[];
}

/**
 * Additive masks of rows that hold several documents: query i sees keys start(i)..i. `starts` [B, T, 1] int64 is the index in the row of
 * the first token of i's document. The masks serve every layer and head. T is cut into `blocks`, which divides it.
 */
export function documentMask(graph: GraphBuilder, starts: Value, blocks: number): DocumentMask {
  const [rows = 1, length = 1] = starts.shape;
  const size = length / blocks;
  const masks = split(graph, starts, blocks, 1).map((blockStarts, block) => {
    const keys = (block + 1) * size;
    const causal = new Float32Array(size * keys).fill(MASKED);
    for (let query = 0; query < size; query++) {
      causal.fill(0, query * keys, query * keys + block * size + query + 1);
    }
    const indices = BigInt64Array.from({ length: keys }, (_, index) => BigInt(index));
    const inDocument = graph.node(
      "GreaterOrEqual",
      [graph.constant(indices, [1, 1, keys]), blockStarts],
      [rows, size, keys],
      { type: "bool" },
    );
    const mask = graph.node(
      "Where",
      [inDocument, graph.constant(causal, [1, size, keys]), graph.scalar(MASKED)],
      [rows, size, keys],
    );
    return reshape(graph, mask, [rows, 1, size, keys]);
  });
  return { size, masks };
}

/**
 * softmax(query key^T / sqrt(headSize) + mask) value. H heads share K key and value heads, G = H / K to each. Shapes:
 * query [B, H, T, S], key and value [B, K, T, S] -> [B, H, T, S]. The G queries of one key are laid end to end. So
 * sharing costs no copies, and the gradients of keys and values add up inside one product.
 */
export function attention(tape: Tape, query: Value, key: Value, value: Value, mask: DocumentMask): Value {
  const { graph } = tape;
  const [rows = 1, heads = 1, , headSize = 1] = query.shape;
  const keyHeads = key.shape[1] ?? 1;
  const { size, masks } = mask;
  const count = masks.length;
  const perHead = [rows, heads, size, headSize];
  const stacked = [rows, keyHeads, (heads / keyHeads) * size, headSize];
  const scale = 1 / Math.sqrt(headSize);
  const keyParts = split(graph, key, count, SEQUENCE_AXIS);
  const valueParts = split(graph, value, count, SEQUENCE_AXIS);

  const blocks = split(graph, query, count, SEQUENCE_AXIS).map((part, index) => {
    const isLast = index === count - 1;
    const queries = reshape(graph, part, stacked);
    const keys = isLast ? key : concat(graph, keyParts.slice(0, index + 1), SEQUENCE_AXIS);
    const values = isLast ? value : concat(graph, valueParts.slice(0, index + 1), SEQUENCE_AXIS);
    const products = matmul(graph, queries, keys, { transposeRight: true, scale });
    const scores = reshape(graph, products, [rows, heads, size, (index + 1) * size]);
    const masked = add(graph, scores, masks[index] ?? graph.scalar(0));
    const softmax = graph.node("Softmax", [masked], masked.shape, { attributes: { axis: -1 } });
    const probabilities = reshape(graph, softmax, products.shape);
    return { queries, keys, values, probabilities, output: matmul(graph, probabilities, values) };
  });
  const output = concat(
    graph,
    blocks.map((block) => reshape(graph, block.output, perHead)),
    SEQUENCE_AXIS,
  );

  return tape.record(output, [query, key, value], (gradient) => {
    const parts = split(graph, gradient, count, SEQUENCE_AXIS);
    const gradients = blocks.map(({ queries, keys, values, probabilities, output: blockOutput }, index) => {
      const outputGradient = reshape(graph, parts[index] ?? gradient, stacked);
      const probabilityGradient = matmul(graph, outputGradient, values, { transposeRight: true });
      // Softmax: dS = P * (dP - sum(dP * P)), and sum(dP * P) = dO . O, which has fewer terms.
      const dot = sumLast(graph, multiply(graph, outputGradient, blockOutput));
      const scoreGradient = multiply(graph, probabilities, subtract(graph, probabilityGradient, dot));
      const keyGradient = matmul(graph, scoreGradient, queries, { transposeLeft: true, scale });
      const valueGradient = matmul(graph, probabilities, outputGradient, { transposeLeft: true });
      return {
        query: reshape(graph, matmul(graph, scoreGradient, keys, { scale }), perHead),
        keyParts: split(graph, keyGradient, index + 1, SEQUENCE_AXIS),
        valueParts: split(graph, valueGradient, index + 1, SEQUENCE_AXIS),
      };
    });
    // A block of keys gathers what the blocks of queries from its own on give it.
    const gathered = (partsOf: (block: (typeof gradients)[number]) => readonly Value[]): Value =>
      concat(
        graph,
        gradients.map((_, index) =>
          sum(
            graph,
            gradients.slice(index).flatMap((block) => partsOf(block)[index] ?? []),
          ),
        ),
        SEQUENCE_AXIS,
      );
    return [
      concat(
        graph,
        gradients.map((block) => block.query),
        SEQUENCE_AXIS,
      ),
      gathered((block) => block.keyParts),
      gathered((block) => block.valueParts),
    ];
  });
}
