/** Text that no cache knows, of about a wanted number of tokens, to read while something is timed. */
import type { Piece } from "../core/piece.ts";
import { textPiece } from "../core/piece.ts";
import type { Rng } from "../core/rng.ts";
import type { Engine } from "../engines/engine.ts";

const SAMPLE_WORDS = 64;

export interface Filler {
  /** About this many tokens; at least one. */
  of(tokens: number): Piece;
}

/** Short numbers between spaces: every vocabulary has tokens for them, and few have one for a whole number and its neighbour. */
export async function fillerOf(engine: Engine, rng: Rng): Promise<Filler> {
  const words = (count: number): string =>
    Array.from({ length: count }, () => ` ${rng.integer(10, 999)}`).join("");
  const sample = await engine.countTokens([textPiece(words(SAMPLE_WORDS))]);
  const tokensPerWord = Math.max(0.1, sample / SAMPLE_WORDS);
  return {
    of: (tokens) =>
      textPiece(
        tokens <= 1 ? String(rng.integer(0, 9)) : words(Math.max(1, Math.round(tokens / tokensPerWord))),
      ),
  };
}
