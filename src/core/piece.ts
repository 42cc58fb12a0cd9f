import type { TokenId, VocabularyId } from "./ids.ts";

/**
 * A stretch of context for a model. A `control` piece is trusted: markers inside it, such as `<bigmodel>` or `<|im_start|>`,
 * become special tokens where the vocabulary has them. In any other piece they are plain text: what a user typed stays text.
 */
export interface Piece {
  readonly text: string;
  readonly control?: boolean;
  /** The ids that produced `text`, used only under the same vocabulary and then never re-encoded. */
  readonly tokens?: { readonly vocabulary: VocabularyId; readonly ids: readonly TokenId[] };
}

export const textPiece = (text: string): Piece => ({ text });
export const controlPiece = (text: string): Piece => ({ text, control: true });
