/** A trace row as fine-tuning data: the prompt is context; the trace, its offload tags and the end of the turn are learnt. */
import { controlPiece, type Piece } from "../../core/piece.ts";
import { createRng } from "../../core/rng.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { wrapSpansAsPieces } from "../../tags/index.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { encodeDatum, type WeightedPiece } from "../datum.ts";
import type { Datum } from "../trainer.ts";

export interface TraceDatumOptions {
  readonly prompt: (problem: string) => readonly Piece[];
  /** The marker behind a finished trace. */
  readonly endOfTurn: string;
  /** Loss weight of the tokens between the tags: the large model will write them. The tags themselves always weigh 1. Paper 3.3: 1. */
  readonly spanWeight: number;
}

/** Tags become control tokens where the spans are; markers in the trace itself (`</think>`) too, since training data is trusted. */
export function traceRowDatum(tokenizer: Tokenizer, row: TraceRow, options: TraceDatumOptions): Datum {
  let inside = false;
  const trace = wrapSpansAsPieces(row.trace, row.spans ?? []).map((piece): WeightedPiece => {
    if (piece.control === true) {
      inside = !inside;
      return { piece, weight: 1 };
    }
    return { piece: controlPiece(piece.text), weight: inside ? options.spanWeight : 1 };
  });
  return encodeDatum(tokenizer, [
    ...options.prompt(row.problem).map((piece): WeightedPiece => ({ piece, weight: 0 })),
    ...trace,
    { piece: controlPiece(options.endOfTurn), weight: 1 },
  ]);
}

/** The items of a step when all are seen once an epoch, in an order drawn anew for each: a function of its arguments alone. */
export function epochBatch<T>(items: readonly T[], step: number, size: number, seed: number): T[] {
  const batch: T[] = [];
  for (let position = step * size; position < (step + 1) * size; position++) {
    const epoch = Math.floor(position / items.length);
    const item = items[epochOrder(items.length, epoch, seed)[position % items.length] ?? 0];
    if (item !== undefined) batch.push(item);
  }
  return batch;
}

let lastOrder: { readonly key: string; readonly order: readonly number[] } | undefined;

/** Remembers the last epoch's order: a step asks for it once an item. */
function epochOrder(length: number, epoch: number, seed: number): readonly number[] {
  const key = `${length} ${epoch} ${seed}`;
  if (lastOrder?.key !== key) {
    const order = createRng(seed)
      .fork(`epoch ${epoch}`)
      .shuffle(Array.from({ length }, (_, index) => index));
    lastOrder = { key, order };
  }
  return lastOrder.order;
}
