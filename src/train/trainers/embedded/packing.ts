/**
 * Packs data into rows of a fixed length: first fit, longest first. The packing is deterministic; rows are nearly full when documents are
 * much shorter than a row.
 */
import { TrainError } from "../../../core/errors.ts";
import type { Datum } from "../../trainer.ts";

/** Place of a datum: `data[datum]` fills columns `column .. column + tokens.length - 1` of its row. */
interface Placement {
  readonly datum: number;
  readonly column: number;
}

export type PackedRow = readonly Placement[];

/** Throws a {@link TrainError} when a datum is longer than a row or its arrays disagree in length. */
export function packRows(data: readonly Datum[], rowLength: number): PackedRow[] {
  for (const [index, datum] of data.entries()) checkDatum(datum, index, rowLength);
  const byLength = data
    .map((datum, index) => ({ index, length: datum.tokens.length }))
    .filter(({ length }) => length > 0)
    .sort((left, right) => right.length - left.length || left.index - right.index);
  const rows: { used: number; placements: Placement[] }[] = [];
  // Rows before this one are full to the last column.
  let firstOpen = 0;
  for (const { index, length } of byLength) {
    let row = firstOpen;
    while (row < rows.length && (rows[row]?.used ?? 0) + length > rowLength) row++;
    const target = rows[row] ?? { used: 0, placements: [] };
    rows[row] = target;
    target.placements.push({ datum: index, column: target.used });
    target.used += length;
    while (rows[firstOpen]?.used === rowLength) firstOpen++;
  }
  return rows.map(({ placements }) => placements);
}

function checkDatum(datum: Datum, index: number, rowLength: number): void {
  const length = datum.tokens.length;
  if (datum.targets.length !== length || datum.weights.length !== length) {
    throw new TrainError(
      `datum ${index} has ${length} tokens, ${datum.targets.length} targets and ${datum.weights.length} weights; they must be as many.`,
      { code: "train-invalid" },
    );
  }
  if (length > rowLength) {
    throw new TrainError(
      `datum ${index} has ${length} tokens and a row holds ${rowLength}. Shorten it, or create the trainer with a larger rowLength.`,
      { code: "train-invalid" },
    );
  }
}
