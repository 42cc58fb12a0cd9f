/** Makes text of about a given number of tokens, for timings. No cache knows it. */
import type { Piece } from "../core/piece.ts";
import { textPiece } from "../core/piece.ts";
import type { Rng } from "../core/rng.ts";
import type { Engine } from "../engines/engine.ts";

const SAMPLE_WORDS = 64;

export interface Filler {
  /** Text of about this many tokens; at least one. */
  of(tokens: number): Piece;
}

/** Short numbers between spaces. Every vocabulary has tokens for them, and few have one token for two of them. */
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
