import { describe, expect, it } from "vitest";

import { trainBytePairs } from "./byte-level-bpe.ts";
import { ggufTokenizerMetadata, ggufVocabulary } from "./gguf-vocabulary.ts";
import { digestVocabulary } from "./vocabulary.ts";

const CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"];
const vocabulary = trainBytePairs({ corpus: ["We take it away, then we add."], controlTokens: CONTROLS });
const options = { endOfTurn: "<|im_end|>", padding: "<|endoftext|>", chatTemplate: "{{ 'x' }}" };

describe("GGUF tokenizer metadata", () => {
  it("comes back as a vocabulary with the same digest, padded rows or not", () => {
    const metadata = ggufTokenizerMetadata(vocabulary, options);
    expect(ggufVocabulary(metadata)).toEqual(vocabulary);
    const padded = { ...vocabulary, tokens: [...vocabulary.tokens, "", ""] };
    const again = ggufVocabulary(ggufTokenizerMetadata(padded, options));
    expect(again).toEqual(padded);
    expect(digestVocabulary(padded)).toBe(digestVocabulary(vocabulary));
    expect(ggufVocabulary(new Map())).toBeUndefined();
  });
});
