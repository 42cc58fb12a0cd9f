/** The input arrays of one micro-batch, filled from packed rows; and the graph's outputs, given back to the data they belong to. */
import { TrainError } from "../../../core/errors.ts";
import { type BatchShape, INPUT } from "../../model/decoder.ts";
import type { TensorData } from "../../tensor/session.ts";
import type { Datum } from "../../trainer.ts";
import type { PackedRow } from "./packing.ts";

export class MicroBatch {
  readonly feeds: ReadonlyMap<string, TensorData>;
  readonly tokens: BigInt64Array;
  readonly targets: BigInt64Array;
  readonly #length: number;
  readonly #rows: readonly PackedRow[];
  readonly #data: readonly Datum[];

  /** `rows` may be fewer than `shape.rows`; the rest is padding. Throws when an id is outside the vocabulary. */
  constructor(shape: BatchShape, rows: readonly PackedRow[], data: readonly Datum[], vocabularySize: number) {
    const count = shape.rows * shape.length;
    this.#length = shape.length;
    this.#rows = rows;
    this.#data = data;
    this.tokens = new BigInt64Array(count);
    this.targets = new BigInt64Array(count);
    const positions = new BigInt64Array(count);
    const starts = new BigInt64Array(count);
    const weights = new Float32Array(count);
    // The elements are small whole numbers: writing only the low halves avoids a BigInt for each.
    const [tokenWords, targetWords, positionWords, startWords] = [
      this.tokens,
      this.targets,
      positions,
      starts,
    ].map((array) => new Int32Array(array.buffer)) as [Int32Array, Int32Array, Int32Array, Int32Array];
    for (let row = 0; row < shape.rows; row++) {
      const base = row * shape.length;
      let end = 0;
      for (const { datum: index, column } of rows[row] ?? []) {
        const datum = data[index] as Datum;
        for (let offset = 0; offset < datum.tokens.length; offset++) {
          const at = base + column + offset;
          tokenWords[2 * at] = checkedId(datum.tokens[offset], vocabularySize, index);
          targetWords[2 * at] = checkedId(datum.targets[offset], vocabularySize, index);
          positionWords[2 * at] = offset;
          startWords[2 * at] = column;
          weights[at] = datum.weights[offset] ?? 0;
        }
        end = column + datum.tokens.length;
      }
      // Padding: one document of token 0, all at position 0, after the last one.
      for (let column = end; column < shape.length; column++) startWords[2 * (base + column)] = end;
    }
    this.feeds = new Map<string, TensorData>([
      [INPUT.tokens, this.tokens],
      [INPUT.targets, this.targets],
      [INPUT.positions, positions],
      [INPUT.starts, starts],
      [INPUT.weights, weights],
    ]);
  }

  /** Copies each datum's part of `packed`, `width` elements a token, into `results[datum]`. */
  unpack(packed: Float32Array, width: number, results: Float32Array[]): void {
    for (const [row, placements] of this.#rows.entries()) {
      for (const { datum, column } of placements) {
        const start = (row * this.#length + column) * width;
        const length = (this.#data[datum]?.tokens.length ?? 0) * width;
        results[datum] = packed.slice(start, start + length);
      }
    }
  }
}

function checkedId(id: number | undefined, vocabularySize: number, datum: number): number {
  if (id === undefined || !Number.isInteger(id) || id < 0 || id >= vocabularySize) {
    throw new TrainError(`datum ${datum} holds the id ${id}; the model's vocabulary has ${vocabularySize}.`, {
      code: "train-invalid",
    });
  }
  return id;
}
