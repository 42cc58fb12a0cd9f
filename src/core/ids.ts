/** Branded identifiers: a token id belongs to one vocabulary and is never mixed with another's. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** An index into one vocabulary. Crosses between models only when their {@link VocabularyId}s are equal. */
export type TokenId = Brand<number, "TokenId">;
/** The name of a model in results and logs, e.g. `micro:small`. */
export type ModelId = Brand<string, "ModelId">;
/** A digest of a tokenizer's tokens and merges: equal ids mean that token ids may be shared. */
export type VocabularyId = Brand<string, "VocabularyId">;

export const tokenId = (value: number): TokenId => value as TokenId;
export const modelId = (value: string): ModelId => value as ModelId;
export const vocabularyId = (value: string): VocabularyId => value as VocabularyId;
