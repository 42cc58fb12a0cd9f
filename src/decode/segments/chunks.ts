/** How many of the big model's tokens the small one reads at once. */

/** The size of the chunk with this index; the last of `sizes` repeats. */
export function chunkSize(sizes: readonly number[], index: number): number {
  return sizes[Math.min(index, sizes.length - 1)] ?? 1;
}

/**
 * How long the small model, idle, waits for a chunk to be full, in milliseconds. What a slow big model writes after the close is lost time, so
 * the small model reads early. But it should not read for more than a fifth of the time.
 * @param confirmMs How long it took to read its last chunk.
 */
export function patienceMs(confirmMs: number | undefined): number {
  return Math.max(LEAST_PATIENCE_MS, PATIENCE * (confirmMs ?? 0));
}

const PATIENCE = 4;
/** Below this, calls cost more than tokens: models in this process share its cores. */
const LEAST_PATIENCE_MS = 4;
