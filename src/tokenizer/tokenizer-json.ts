/** Reads the tokenizer.json and tokenizer_config.json of a byte-level BPE vocabulary. */
import { join } from "node:path";

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";

import { readDocument, type ReadDocumentOptions } from "../core/document.ts";
import { DataError, errorMessage } from "../core/errors.ts";
import { ifExists, readTextFile } from "../core/files.ts";
import { ByteLevelTokenizer } from "./byte-level-tokenizer.ts";
import { QWEN2_PATTERN, qwen2Splitter, type Splitter } from "./bpe-encoder.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Ids are indices into an array, so a hostile file must not name a huge one. */
const MAX_TOKENS = 1 << 22;

const idSchema = z
  .int()
  .min(0)
  .max(MAX_TOKENS - 1);
const addedTokenSchema = z.object({
  id: idSchema,
  content: z.string().min(1),
  single_word: z.literal(false).default(false),
  lstrip: z.literal(false).default(false),
  rstrip: z.literal(false).default(false),
});
const tokenizerSchema = z.object({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: z.looseObject({ type: z.string() }).nullish(),
  pre_tokenizer: z.looseObject({ type: z.string() }),
  model: z.object({
    type: z.literal("BPE").default("BPE"),
    vocab: z.record(z.string(), idSchema),
    merges: z.array(
      z.union([z.string(), z.tuple([z.string(), z.string()]).transform((pair) => pair.join(" "))]),
    ),
    byte_fallback: z.literal(false).nullish(),
    continuing_subword_prefix: z.literal("").nullish(),
    end_of_word_suffix: z.literal("").nullish(),
    ignore_merges: z.boolean().nullish(),
  }),
});
type TokenizerJson = z.infer<typeof tokenizerSchema>;

const markerSchema = z.union([
  z.string(),
  z.object({ content: z.string() }).transform((token) => token.content),
]);
const configSchema = z.object({
  bos_token: markerSchema.nullish(),
  eos_token: markerSchema.nullish(),
  chat_template: z.string().nullish().catch(undefined),
});

export interface LoadedTokenizer {
  readonly tokenizer: ByteLevelTokenizer;
  /** Jinja source. */
  readonly chatTemplate: string | undefined;
  /** The chat template's `bos_token`. The tokenizer itself adds no token to a text. */
  readonly beginOfText: string | undefined;
  /** The chat template's `eos_token`. */
  readonly endOfTurn: string | undefined;
}

const TOKENIZER_FILE: ReadDocumentOptions = {
  source: "file",
  maxBytes: 64 * 1024 ** 2,
  advice: "Only byte-level BPE tokenizers without stripping added tokens are supported.",
};

/**
 * Reads a Hugging Face folder.
 * @param size Rows of the embedding matrix, if known from config.json.
 * @throws DataError if a file is missing or broken, or the tokenizer is not byte-level BPE. The message names the file and the field.
 */
export async function loadTokenizer(folder: string, size?: number): Promise<LoadedTokenizer> {
  const path = join(folder, "tokenizer.json");
  const json = await readDocument(path, tokenizerSchema, TOKENIZER_FILE);
  const config =
    (await ifExists(readDocument(join(folder, "tokenizer_config.json"), configSchema, TOKENIZER_FILE))) ?? {};
  const templateText = await ifExists(readTextFile(join(folder, "chat_template.jinja")));
  const endOfTurn = config.eos_token ?? undefined;
  try {
    const tokenizer = new ByteLevelTokenizer(vocabularyOf(json), {
      splitter: splitterOf(json),
      wholeWordsFirst: json.model.ignore_merges === true,
      ...(endOfTurn === undefined ? {} : { endOfTurn }),
      ...(size === undefined ? {} : { size }),
    });
    return {
      tokenizer,
      chatTemplate: templateText ?? config.chat_template ?? undefined,
      beginOfText: config.bos_token ?? undefined,
      endOfTurn,
    };
  } catch (error) {
    throw new DataError(`${path}: ${errorMessage(error)}`, { code: "file-invalid", cause: error });
  }
}

function vocabularyOf(json: TokenizerJson): Vocabulary {
  const tokens: string[] = [];
  const set = (token: string, id: number) => {
    while (tokens.length <= id) tokens.push("");
    tokens[id] = token;
  };
  for (const [token, id] of Object.entries(json.model.vocab)) set(token, id);
  for (const { content, id } of json.added_tokens) set(content, id);
  const controls = [...new Set(json.added_tokens.map(({ id }) => id))].sort((a, b) => a - b);
  return { tokens, merges: json.model.merges, controls };
}

/** Our own splitter if the pattern is Qwen2's; otherwise `@huggingface/tokenizers` applies the pattern. */
function splitterOf(json: TokenizerJson): Splitter {
  const normalizer = json.normalizer?.type;
  if (isQwen2(json.pre_tokenizer) && (normalizer === undefined || normalizer === "NFC")) {
    if (normalizer === undefined) return qwen2Splitter;
    return { ...qwen2Splitter, split: (text) => qwen2Splitter.split(text.normalize("NFC")) };
  }
  if (!JSON.stringify(json.pre_tokenizer).includes('"type":"ByteLevel"')) {
    throw new DataError(
      `pre_tokenizer ${json.pre_tokenizer.type} is not byte-level, and no other kind is supported.`,
      { code: "data-invalid" },
    );
  }
  const { normalizer: normalize, pre_tokenizer: preTokenizer } = new HuggingFaceTokenizer(
    { ...json, normalizer: json.normalizer ?? null, added_tokens: [], decoder: null, post_processor: null },
    {},
  );
  return {
    split: (text) => preTokenizer?.pre_tokenize(normalize === null ? text : normalize.normalize(text)) ?? [],
    toByteCharacters: (word) => word,
  };
}

const qwen2Schema = z.object({
  type: z.literal("Sequence"),
  pretokenizers: z.tuple([
    z.object({
      type: z.literal("Split"),
      pattern: z.object({ Regex: z.literal(QWEN2_PATTERN) }),
      behavior: z.literal("Isolated"),
      invert: z.literal(false),
    }),
    z.object({
      type: z.literal("ByteLevel"),
      add_prefix_space: z.literal(false),
      use_regex: z.literal(false),
    }),
  ]),
});

function isQwen2(preTokenizer: TokenizerJson["pre_tokenizer"]): boolean {
  return qwen2Schema.safeParse(preTokenizer).success;
}
