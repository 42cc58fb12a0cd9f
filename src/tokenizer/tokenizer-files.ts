/** Writes a vocabulary as files that Hugging Face transformers, tokenizers and vLLM read. */
import { DataError } from "../core/errors.ts";
import { OFFLOAD_TAGS, THINK_TAGS } from "../tags/grammar.ts";
import { QWEN2_PATTERN } from "./bpe-encoder.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface TokenizerFilesOptions {
  /** The marker that ends a turn. */
  readonly endOfTurn: string;
  /** The marker that fills a batch. No text contains it. */
  readonly padding: string;
  /** Jinja source. */
  readonly chatTemplate?: string;
  /** Tokens that fit in one sequence. */
  readonly contextSize: number;
}

/**
 * Markers that servers show in their texts, as Qwen3's files do for `<think>`. By default servers drop markers with `special: true`, and a
 * stop text that is dropped never stops.
 */
const SHOWN_MARKERS: ReadonlySet<string> = new Set([
  THINK_TAGS.open,
  THINK_TAGS.close,
  OFFLOAD_TAGS.open,
  OFFLOAD_TAGS.close,
]);

/**
 * The files, by name. The vocabulary must be cut as Qwen2's is ({@link trainBytePairs}). There is no normalizer: text that is not in NFC keeps
 * its bytes, as in llama.cpp but not in Qwen's own files.
 */
export function tokenizerFiles(vocabulary: Vocabulary, options: TokenizerFilesOptions): Map<string, string> {
  const controls = new Set(vocabulary.controls);
  const addedTokens = vocabulary.controls.map((id) => {
    const content = vocabulary.tokens[id] ?? "";
    return {
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: !SHOWN_MARKERS.has(content),
    };
  });
  for (const marker of [options.endOfTurn, options.padding]) {
    if (addedTokens.some(({ content }) => content === marker)) continue;
    throw new DataError(`${JSON.stringify(marker)} is not a control token of the vocabulary.`, {
      code: "data-invalid",
    });
  }
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokens,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: QWEN2_PATTERN }, behavior: "Isolated", invert: false },
        byteLevel,
      ],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(
        [...vocabulary.tokens.entries()]
          .filter(([id, token]) => token !== "" && !controls.has(id))
          .map(([id, token]) => [token, id]),
      ),
      merges: vocabulary.merges,
    },
  };
  const config = {
    // Not Qwen2Tokenizer: that class would replace the normalizer of tokenizer.json by its own.
    tokenizer_class: "PreTrainedTokenizerFast",
    add_bos_token: false,
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(addedTokens.map(({ id, ...token }) => [String(id), token])),
    bos_token: null,
    clean_up_tokenization_spaces: false,
    eos_token: options.endOfTurn,
    model_max_length: options.contextSize,
    pad_token: options.padding,
    split_special_tokens: false,
    unk_token: null,
    ...(options.chatTemplate === undefined ? {} : { chat_template: options.chatTemplate }),
  };
  return new Map([
    ["tokenizer.json", `${JSON.stringify(tokenizer, undefined, 1)}\n`],
    ["tokenizer_config.json", `${JSON.stringify(config, undefined, 2)}\n`],
  ]);
}
