/** A base with its adapter put into its weights: W + alpha / rank * B A. */
import { adapterPairs, plusLowRank } from "../model/adapter.ts";
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
    const [, columns = 1] = matrix.shape;
    merged.set(base, {
      shape: matrix.shape,
      data: plusLowRank(matrix.data, columns, narrow, wide, scale),
    });
  }
  return merged;
}
