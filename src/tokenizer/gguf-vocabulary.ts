/** Writes a vocabulary to the metadata of a GGUF file, and reads it. */
import { DataError } from "../core/errors.ts";
import {
  GGUF_TOKEN_TYPES,
  ggufBool,
  ggufInt32s,
  ggufString,
  ggufStrings,
  ggufUint32,
  type GgufValue,
} from "../formats/gguf/types.ts";
import type { TokenizerFilesOptions } from "./tokenizer-files.ts";
import type { Vocabulary } from "./vocabulary.ts";

/**
 * The `tokenizer.*` metadata in the order of writing: model `gpt2`, pre-tokenizer `qwen2`. All controls have the type CONTROL: llama.cpp
 * recognises them only if special tokens are asked for. It would find USER_DEFINED ones in user text as well.
 * @throws DataError if `endOfTurn` or `padding` is not a control token.
 */
export function ggufTokenizerMetadata(
  vocabulary: Vocabulary,
  options: Pick<TokenizerFilesOptions, "endOfTurn" | "padding" | "chatTemplate">,
): Map<string, GgufValue> {
  const types: number[] = vocabulary.tokens.map((token) =>
    token === "" ? GGUF_TOKEN_TYPES.unused : GGUF_TOKEN_TYPES.normal,
  );
  for (const id of vocabulary.controls) types[id] = GGUF_TOKEN_TYPES.control;
  const idOf = (marker: string) => {
    const id = vocabulary.controls.find((control) => vocabulary.tokens[control] === marker);
    if (id !== undefined) return ggufUint32(id);
    throw new DataError(`${JSON.stringify(marker)} is not a control token of the vocabulary.`, {
      code: "data-invalid",
    });
  };
  // llama.cpp accepts no empty token texts, and no two equal ones.
  const tokens = vocabulary.tokens.map((token, id) => (token === "" ? `[PAD${id}]` : token));
  return new Map([
    ["tokenizer.ggml.model", ggufString("gpt2")],
    ["tokenizer.ggml.pre", ggufString("qwen2")],
    ["tokenizer.ggml.tokens", ggufStrings(tokens)],
    ["tokenizer.ggml.token_type", ggufInt32s(types)],
    ["tokenizer.ggml.merges", ggufStrings(vocabulary.merges)],
    ["tokenizer.ggml.eos_token_id", idOf(options.endOfTurn)],
    ["tokenizer.ggml.padding_token_id", idOf(options.padding)],
    ["tokenizer.ggml.add_bos_token", ggufBool(false)],
    ...(options.chatTemplate === undefined
      ? []
      : [["tokenizer.chat_template", ggufString(options.chatTemplate)] as const]),
  ]);
}

/**
 * The vocabulary of a GGUF, with the same digest as the tokenizer.json that it was made from. Undefined if it is incomplete or not
 * byte-level BPE (`tokenizer.ggml.model` other than `gpt2`).
 */
export function ggufVocabulary(metadata: ReadonlyMap<string, GgufValue>): Vocabulary | undefined {
  const model = metadata.get("tokenizer.ggml.model");
  const tokens = metadata.get("tokenizer.ggml.tokens");
  const types = metadata.get("tokenizer.ggml.token_type");
  const merges = metadata.get("tokenizer.ggml.merges");
  if (model?.type !== "string" || model.value !== "gpt2") return undefined;
  if (tokens?.type !== "array" || tokens.of !== "string") return undefined;
  if (types?.type !== "array" || types.of !== "int32") return undefined;
  if (merges?.type !== "array" || merges.of !== "string") return undefined;
  const isUnused = (id: number) => types.values[id] === GGUF_TOKEN_TYPES.unused;
  const isControl = (id: number) =>
    types.values[id] === GGUF_TOKEN_TYPES.control || types.values[id] === GGUF_TOKEN_TYPES.userDefined;
  return {
    tokens: tokens.values.map((token, id) => (isUnused(id) ? "" : token)),
    merges: merges.values,
    controls: [...tokens.values.keys()].filter(isControl),
  };
}
