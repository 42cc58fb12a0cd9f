/** A base with its adapter put into its weights: W + alpha / rank * B A. */
import { adapterPairs } from "../model/adapter.ts";
import type { Weights } from "../model/parameters.ts";
import type { Adapter } from "./adapter.ts";

/** Weights that are not adapted are shared with the base. */
export function mergedWeights(weights: Weights, { config, shape, values }: Adapter): Weights {
  const merged = new Map(weights);
  const scale = shape.alpha / shape.rank;
  for (const { base, a, b } of adapterPairs(config, shape)) {
    const matrix = weights.get(base);
    const [narrow, wide] = [values.get(a.name)?.data, values.get(b.name)?.data];
    if (matrix === undefined || narrow === undefined || wide === undefined) continue;
    const [rows = 0, columns = 0] = matrix.shape;
    const data = matrix.data.slice();
    for (let row = 0; row < rows; row++) {
      for (let rank = 0; rank < shape.rank; rank++) {
        const factor = scale * (wide[row * shape.rank + rank] as number);
        if (factor === 0) continue;
        const [to, from] = [row * columns, rank * columns];
        for (let column = 0; column < columns; column++) {
          data[to + column] = (data[to + column] as number) + factor * (narrow[from + column] as number);
        }
      }
    }
    merged.set(base, { shape: matrix.shape, data });
  }
  return merged;
}
