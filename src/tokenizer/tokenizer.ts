/** The Tokenizer contract: text to ids and back, for one vocabulary. */
import type { TokenId, VocabularyId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";

export interface Tokenizer {
  readonly vocabulary: VocabularyId;
  /** Number of ids, unused ones included: the rows of the embedding matrix. */
  readonly size: number;
  /**
   * Markers are recognised in `control` pieces only; a plain piece never yields a special token. Neighbouring texts are joined
   * first: the ids depend on the whole text and on where markers are trusted, not on how it was cut into pieces.
   */
  encode(pieces: readonly Piece[]): TokenId[];
  /** Special tokens are written as their text. */
  decode(ids: readonly TokenId[]): string;
  /** The bytes that one token stands for (UTF-8; may be part of a code point). */
  bytes(id: TokenId): Uint8Array;
  /** The id of a marker that is one special token, otherwise undefined. */
  controlId(marker: string): TokenId | undefined;
  readonly endOfTurn: TokenId | undefined;
  /** Whether a model that produces this token has ended its turn. */
  endsTurn(id: TokenId): boolean;
}
