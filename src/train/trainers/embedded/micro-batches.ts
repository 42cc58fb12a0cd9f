/** How packed rows are cut into micro-batches, and what their results come to. */
import type { Datum, ForwardResult } from "../../trainer.ts";
import type { PackedRow } from "./packing.ts";

/** Tokens of a micro-batch by default: what passes between operators then stays in the processor's caches. */
const USUAL_TOKENS = 1024;

export const usualRows = (rowLength: number): number => Math.max(1, Math.floor(USUAL_TOKENS / rowLength));

/** Micro-batches of about equal size. Each lane gets as many, where there are enough rows. */
export function divideRows(rows: readonly PackedRow[], most: number, lanes: number): PackedRow[][] {
  const count = Math.ceil(rows.length / most / lanes) * lanes;
  const size = Math.ceil(rows.length / count);
  const batches: PackedRow[][] = [];
  for (let start = 0; start < rows.length; start += size) batches.push(rows.slice(start, start + size));
  return batches;
}

/** Rows of the graph for a micro-batch. Graphs have fixed shapes; a few sizes serve all, with at most a third of the rows as padding. */
export function graphRows(rowCount: number, most: number): number {
  let rows = 1;
  while (rows < rowCount) rows = rows % 3 === 0 ? (rows / 3) * 4 : rows === 1 ? 2 : (rows / 2) * 3;
  return Math.min(rows, most);
}

/** The result of a forward pass. A target of weight 0 need not have a log-probability. */
export function forwardResult(data: readonly Datum[], logprobs: readonly Float32Array[]): ForwardResult {
  let lossSum = 0;
  let weightSum = 0;
  for (const [index, { weights }] of data.entries()) {
    for (const [position, weight] of weights.entries()) {
      if (weight === 0) continue;
      lossSum -= weight * (logprobs[index]?.[position] ?? 0);
      weightSum += weight;
    }
  }
  return { logprobs, lossSum, weightSum };
}
