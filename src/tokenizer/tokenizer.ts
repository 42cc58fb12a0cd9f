/** The Tokenizer contract: text to ids and back, for one vocabulary. */
import type { TokenId, VocabularyId } from "../core/ids.ts";
import type { Piece } from "../core/piece.ts";

export interface Tokenizer {
  readonly vocabulary: VocabularyId;
  /** Number of ids, including unused ones: the rows of the embedding matrix. */
  readonly size: number;
  /**
   * Encodes pieces. Markers are recognised in `control` pieces only; a plain piece never yields a special token. Neighbouring texts are
   * joined first, so the ids depend on the whole text and on where markers are trusted, not on the cuts between pieces.
   */
  encode(pieces: readonly Piece[]): TokenId[];
  /** The text of tokens. Special tokens become their own text. */
  decode(ids: readonly TokenId[]): string;
  /** The bytes of one token in UTF-8. They may be part of a code point. */
  bytes(id: TokenId): Uint8Array;
  /** The id of a marker if it is one special token, otherwise undefined. */
  controlId(marker: string): TokenId | undefined;
  readonly endOfTurn: TokenId | undefined;
  /** Whether a model that produces this token has ended its turn. */
  endsTurn(id: TokenId): boolean;
}
