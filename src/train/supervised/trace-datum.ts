/**
 * Turns text into training data: a trace row, or any pieces with loss weights. Of a trace row, the prompt is context. The trace, its
 * offload tags and the end of the turn are learned.
 */
import type { TokenId } from "../../core/ids.ts";
import { controlPiece, type Piece } from "../../core/piece.ts";
import { createRng } from "../../core/rng.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { type TagPair, wrapSpansAsPieces } from "../../tags/index.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import type { Datum } from "../trainer.ts";

export interface TraceDatumOptions {
  readonly prompt: (problem: string) => readonly Piece[];
  /** Marker after a finished trace. */
  readonly endOfTurn: string;
  /** Loss weight of the tokens between the tags, which the big model will write (Paper 3.3: 1). The tags themselves always weigh 1. */
  readonly spanWeight: number;
  /** Default: the canonical ones. */
  readonly tags?: TagPair;
}

/**
 * Encodes a row. Tags become control tokens at the spans. Markers in the trace itself (`</think>`) become control tokens too, because
 * training data is trusted.
 */
export function traceRowDatum(tokenizer: Tokenizer, row: TraceRow, options: TraceDatumOptions): Datum {
  let inside = false;
  const trace = wrapSpansAsPieces(row.trace, row.spans ?? [], options.tags).map((piece): WeightedPiece => {
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

/**
 * The items of a training step. All are seen once an epoch, in an order that is drawn again for each epoch. It depends on nothing but the
 * arguments.
 */
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

/** Order of an epoch. The last one is remembered, because a step asks for it once an item. */
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

/** A piece and the loss weight of its tokens as targets (0: context only). */
export interface WeightedPiece {
  readonly piece: Piece;
  readonly weight: number;
}

/**
 * Tokenises each piece by itself and concatenates, as a sequence of appends does at inference. The first token has nothing before it, so it
 * is no target.
 */
export function encodeDatum(tokenizer: Tokenizer, parts: readonly WeightedPiece[]): Datum {
  const ids: TokenId[] = [];
  const weights: number[] = [];
  for (const { piece, weight } of parts) {
    for (const id of tokenizer.encode([piece])) {
      ids.push(id);
      weights.push(weight);
    }
  }
  return { tokens: ids.slice(0, -1), targets: ids.slice(1), weights: weights.slice(1) };
}
