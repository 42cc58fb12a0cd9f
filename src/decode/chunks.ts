/** How many of the big model's tokens the small one reads at once. */

export interface ChunkSizes {
  /** Sizes of the first chunks of a segment, in tokens; the last one repeats. */
  readonly growth: readonly number[];
}

/** Little waste on short spans, little overhead on long ones. The reference reads 64 at a time from the start. */
export const DEFAULT_CHUNKS: ChunkSizes = { growth: [8, 16, 32, 64] };

/** The size of the chunk with this index. */
export function chunkSize(chunks: ChunkSizes, index: number): number {
  return chunks.growth[Math.min(index, chunks.growth.length - 1)] ?? 1;
}
