/** Pieces of known ids, one a token, as few longer ones: engines are called with one piece a run. */
import type { TokenId } from "../../core/ids.ts";
import type { Piece } from "../../core/piece.ts";

/** Joins neighbouring pieces of known ids: one piece a run instead of one a token. */
export function mergeIds(pieces: readonly Piece[]): Piece[] {
  const merged: Piece[] = [];
  let text = "";
  let ids: TokenId[] = [];
  let vocabulary: NonNullable<Piece["tokens"]>["vocabulary"] | undefined;
  const flush = (): void => {
    if (vocabulary !== undefined) merged.push({ text, tokens: { vocabulary, ids } });
    text = "";
    ids = [];
    vocabulary = undefined;
  };
  for (const piece of pieces) {
    if (piece.tokens === undefined) {
      flush();
      merged.push(piece);
      continue;
    }
    if (piece.tokens.vocabulary !== vocabulary) flush();
    vocabulary = piece.tokens.vocabulary;
    text += piece.text;
    for (const id of piece.tokens.ids) ids.push(id);
  }
  flush();
  return merged;
}
