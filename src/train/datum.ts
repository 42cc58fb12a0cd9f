/** Turns text into training data: pieces with loss weights become one shifted {@link Datum}. */
import type { TokenId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Datum } from "./trainer.ts";

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
