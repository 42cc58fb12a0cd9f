/**
 * Checks a tokenizer as llama.cpp demands it. llama.cpp ends the process if a token occurs twice or a byte-fallback tokenizer lacks byte
 * tokens. It silently drops text that a reduced alphabet cannot write.
 */
import { byteCharacters } from "../byte-alphabet.ts";
import type { MetadataView } from "./metadata-view.ts";
import { quoted } from "./reader.ts";
import { GGUF_TOKEN_TYPES } from "./types.ts";

export interface TokenizerSummary {
  /** Kind of tokenizer: `gpt2` (byte-level BPE), `llama` (SentencePiece), ... */
  readonly model: string;
  /** Name of the regular expression that cuts the text into words. */
  readonly pretokenizer: string | undefined;
  /** Texts of the tokens by id, as written in the file. */
  readonly tokens: readonly string[];
  /** Types of the tokens by id, see {@link GGUF_TOKEN_TYPES}. All are normal if the file has none. */
  readonly tokenTypes: readonly number[];
  readonly merges: readonly string[];
  /** Bytes that no token writes. Only bytes that no ordinary text has may be missing. llama.cpp drops them silently. */
  readonly missingBytes: readonly number[];
  readonly chatTemplate: string | undefined;
}

const KNOWN_MODELS = ["gpt2", "llama", "gemma4", "rwkv", "plamo2"];
/** Models whose text is cut into the bytes of GPT-2's alphabet. */
const BYTE_LEVEL = new Set(["gpt2"]);

export function checkTokenizer(view: MetadataView): TokenizerSummary {
  const model = view.string("tokenizer.ggml.model");
  if (!KNOWN_MODELS.includes(model)) {
    throw view.invalid(`its tokenizer is ${quoted(model)}; ${KNOWN_MODELS.join(", ")} can be used.`);
  }
  const tokens = view.optionalStrings("tokenizer.ggml.tokens") ?? [];
  if (tokens.length === 0) throw view.invalid('the tokens ("tokenizer.ggml.tokens") are missing or none.');
  checkUnique(view, tokens);
  const types =
    view.optionalNumbers("tokenizer.ggml.token_type", ["int32"], tokens.length) ??
    tokens.map(() => GGUF_TOKEN_TYPES.normal);
  view.optionalNumbers("tokenizer.ggml.scores", ["float32", "int32"], tokens.length);
  const merges = view.optionalStrings("tokenizer.ggml.merges");
  let missingBytes: readonly number[] = [];
  if (BYTE_LEVEL.has(model)) {
    if (merges === undefined) throw view.invalid('"tokenizer.ggml.merges" is missing (it may be empty).');
    checkMerges(view, merges);
    missingBytes = missingFrom(view, tokens, byteCharacters(), isRareByte);
  } else if (model === "llama") {
    // llama.cpp ends the process when it falls back to a missing byte.
    missingBytes = missingFrom(view, tokens, fallbackAlphabet(), () => false);
  }
  checkSpecialIds(view, model, tokens.length);
  return {
    model,
    pretokenizer: view.optionalString("tokenizer.ggml.pre"),
    tokens,
    tokenTypes: types,
    merges: merges ?? [],
    missingBytes,
    chatTemplate: view.optionalString("tokenizer.chat_template"),
  };
}

function checkUnique(view: MetadataView, tokens: readonly string[]): void {
  const seen = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    // llama.cpp gives empty tokens this name, and then asserts that all names differ.
    const name = token === "" ? `[EMPTY_${id}]` : token;
    const other = seen.get(name);
    if (other !== undefined) throw view.invalid(`tokens ${other} and ${id} are both ${quoted(name)}.`);
    seen.set(name, id);
  }
}

function checkMerges(view: MetadataView, merges: readonly string[]): void {
  for (const [rank, merge] of merges.entries()) {
    const space = merge.indexOf(" ", 1);
    if (space < 1 || space === merge.length - 1) {
      throw view.invalid(`merge ${rank} is ${quoted(merge)}, not two parts with a space between them.`);
    }
  }
}

/**
 * The bytes of UTF-8 text that the vocabulary cannot write.
 * @param alphabet The spelling of each byte in the vocabulary.
 * @param tolerated Whether a byte may be missing.
 */
function missingFrom(
  view: MetadataView,
  tokens: readonly string[],
  alphabet: readonly string[],
  tolerated: (byte: number) => boolean,
): number[] {
  const known = new Set(tokens);
  const missing: number[] = [];
  for (const [byte, character] of alphabet.entries()) {
    const occursInText = byte !== 0xc0 && byte !== 0xc1 && byte <= 0xf4;
    if (!occursInText || known.has(character)) continue;
    if (!tolerated(byte)) {
      throw view.invalid(
        `its vocabulary has no token for byte 0x${byte.toString(16).padStart(2, "0")} (${quoted(character)}).`,
      );
    }
    missing.push(byte);
  }
  return missing;
}

/** Control characters, and first bytes of planes without characters. Vocabularies learned from clean text lack some (SmolLM2). */
const isRareByte = (byte: number): boolean =>
  (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) ||
  byte === 0x7f ||
  byte === 0xf1 ||
  byte === 0xf2;

function fallbackAlphabet(): string[] {
  return Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
}

/** The id that llama.cpp assumes for the beginning of a text if the file names none. */
const DEFAULT_BEGIN: Readonly<Record<string, number>> = { gpt2: 11, llama: 1, plamo2: 1 };

function checkSpecialIds(view: MetadataView, model: string, size: number): void {
  for (const name of ["bos", "eos", "eot", "eom", "unknown", "seperator", "padding", "mask"]) {
    view.optionalUint32(`tokenizer.ggml.${name}_token_id`);
  }
  const addsBegin = view.optionalBool("tokenizer.ggml.add_bos_token") ?? false;
  view.optionalBool("tokenizer.ggml.add_eos_token");
  const begin = view.optionalUint32("tokenizer.ggml.bos_token_id") ?? DEFAULT_BEGIN[model] ?? size;
  if (addsBegin && begin >= size) {
    throw view.invalid(`a text shall begin with token ${begin}, but there are only ${size} tokens.`);
  }
}
