/**
 * The order of the rows of queries and keys in a GGUF. For some architectures llama.cpp rotates neighbours where transformers rotates halves,
 * so its converter interleaves the two halves of each head (`permute` in convert_hf_to_gguf.py).
 */
import { architectureOf, type DecoderConfig } from "../model/config.ts";
import { layerNames } from "../model/parameters.ts";

/** The number of heads of each matrix whose rows a GGUF interleaves, by Hugging Face name. */
export function interleavedHeads(config: DecoderConfig): ReadonlyMap<string, number> {
  if (!architectureOf(config).interleavesHeads) return new Map();
  return new Map(
    Array.from({ length: config.layers }, (_, layer) => layerNames(layer)).flatMap(({ query, key }) => [
      [query, config.heads] as const,
      [key, config.keyValueHeads] as const,
    ]),
  );
}

/** Rows [heads * 2 * half, columns] as a GGUF has them. Without `heads` they stay as they are. */
export const toGgufRows = (data: Float32Array, columns: number, heads: number | undefined): Float32Array =>
  heads === undefined
    ? data
    : moved(data, columns, heads, (half, pair, size) => [half * size + pair, pair * 2 + half]);

/** The way back. */
export const fromGgufRows = (data: Float32Array, columns: number, heads: number | undefined): Float32Array =>
  heads === undefined
    ? data
    : moved(data, columns, heads, (half, pair, size) => [pair * 2 + half, half * size + pair]);

function moved(
  data: Float32Array,
  columns: number,
  heads: number,
  places: (half: number, pair: number, pairs: number) => readonly [from: number, to: number],
): Float32Array {
  const rows = data.length / columns;
  const pairs = rows / heads / 2;
  const result = new Float32Array(data.length);
  for (let head = 0; head < heads; head++) {
    const first = head * pairs * 2;
    for (let half = 0; half < 2; half++) {
      for (let pair = 0; pair < pairs; pair++) {
        const [from, to] = places(half, pair, pairs);
        const start = (first + from) * columns;
        result.set(data.subarray(start, start + columns), (first + to) * columns);
      }
    }
  }
  return result;
}
