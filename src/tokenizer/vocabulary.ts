/** The contents of a byte-level BPE vocabulary, from any kind of file. */
import { createHash } from "node:crypto";

import { vocabularyId, type VocabularyId } from "../core/ids.ts";

export interface Vocabulary {
  /** Tokens by id: ordinary ones in byte characters (`Ġmod`), control tokens as their literal text. `""` is an unused id. */
  readonly tokens: readonly string[];
  /** Merges by rank: `"left right"` in byte characters. */
  readonly merges: readonly string[];
  /** Ids of the tokens that no merge makes: markers such as `<|im_end|>` and `<bigmodel>`, ascending. */
  readonly controls: readonly number[];
}

/**
 * The identity of a vocabulary: equal for a tokenizer.json and a GGUF of the same model, so that their token ids may be shared.
 * Unused ids at the end (rows that only pad the embedding matrix) do not count.
 */
export function digestVocabulary(vocabulary: Vocabulary): VocabularyId {
  let used = vocabulary.tokens.length;
  while (used > 0 && vocabulary.tokens[used - 1] === "") used--;
  const hash = createHash("sha256");
  hash.update(JSON.stringify(vocabulary.tokens.slice(0, used)));
  hash.update(JSON.stringify(vocabulary.merges));
  hash.update(JSON.stringify(vocabulary.controls));
  return vocabularyId(`bpe:${hash.digest("hex").slice(0, 32)}`);
}
