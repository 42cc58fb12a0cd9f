/**
 * Copies a Hugging Face folder and adds the offload tags to its vocabulary, which a model trained by others needs before it can learn to
 * ask. The tags take ids that the embedding has rows for and the vocabulary does not use (Qwen3 has 267 of them), so no shape changes.
 * Their rows start as the mean of the rows of their text. Adapters (LoRA) do not train these rows, and two equal rows could never be told
 * apart.
 */
import { constants, existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { readDocument, type ReadDocumentOptions } from "../../core/document.ts";
import { ConfigError, DataError } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { textPiece } from "../../core/piece.ts";
import { TensorRows } from "../../formats/safetensors-rows.ts";
import { OFFLOAD_TAGS } from "../../tags/index.ts";
import { loadTokenizer } from "../../tokenizer/index.ts";

const WEIGHTS_FILE = "model.safetensors";
const INDEX_FILE = `${WEIGHTS_FILE}.index.json`;
const EMBEDDING = "model.embed_tokens.weight";
const OUTPUT = "lm_head.weight";
const MOST_TOKENIZER_BYTES = 256 * 1024 * 1024;

const MODEL_FILE: ReadDocumentOptions = { source: "file", maxBytes: MOST_TOKENIZER_BYTES };

const addedSchema = z.looseObject({ id: z.int().nonnegative(), content: z.string() });
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedSchema).default([]),
  model: z.looseObject({ vocab: z.record(z.string(), z.int().nonnegative()) }),
});
const tokenizerConfigSchema = z.looseObject({
  added_tokens_decoder: z.record(z.string(), z.unknown()).optional(),
});
const shapeSchema = z.looseObject({ vocab_size: z.int().positive() });
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

interface TaggedTag {
  readonly content: string;
  readonly id: number;
  /** False for a tag that the vocabulary had already. */
  readonly isNew: boolean;
}

export interface TaggedCopy {
  readonly tags: readonly TaggedTag[];
  /** Matrices in which the new rows were set. Empty for a folder without safetensors. */
  readonly matrices: readonly string[];
}

/**
 * Copies `from` to `to`, which must not exist.
 * @throws ConfigError when `to` exists or the embedding has no spare rows; DataError when a file is missing or broken.
 */
export async function copyWithTags(from: string, to: string, signal?: AbortSignal): Promise<TaggedCopy> {
  if (existsSync(to))
    throw new ConfigError(`${to} exists: give --out a folder that does not.`, { code: "config-invalid" });
  const { vocab_size: rows } = await readDocument(join(from, "config.json"), shapeSchema, MODEL_FILE);
  const tokenizer = await readDocument(join(from, "tokenizer.json"), tokenizerSchema, MODEL_FILE);
  const tags = placeTags(tokenizer, rows, from);
  const partial = `${to}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    for (const entry of await readdir(from, { withFileTypes: true })) {
      signal?.throwIfAborted();
      if (entry.isFile() || entry.isSymbolicLink())
        await copyFile(join(from, entry.name), join(partial, entry.name), constants.COPYFILE_FICLONE);
    }
    const added = tags.filter(({ isNew }) => isNew);
    await writeTokenizer(partial, tokenizer, added);
    const matrices = added.length === 0 ? [] : await writeRows(from, partial, added);
    await requireTags(partial, rows);
    await rename(partial, to);
    return { tags, matrices };
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

function placeTags(tokenizer: z.output<typeof tokenizerSchema>, rows: number, from: string): TaggedTag[] {
  const { added_tokens: added, model } = tokenizer;
  const used = [...Object.values(model.vocab), ...added.map(({ id }) => id)];
  let next = used.reduce((most, id) => Math.max(most, id), -1) + 1;
  return [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close].map((content) => {
    const present = added.find((token) => token.content === content);
    if (present !== undefined) return { content, id: present.id, isNew: false };
    if (next >= rows) {
      throw new ConfigError(
        `${from}: the embedding has ${rows} rows and all are used, so that there is none for ${content}. Make it larger first, e.g. with transformers: ` +
          `model.resize_token_embeddings(${rows + 2}, pad_to_multiple_of=64), then save_pretrained.`,
        { code: "config-invalid" },
      );
    }
    return { content, id: next++, isNew: true };
  });
}

async function writeTokenizer(
  folder: string,
  tokenizer: z.output<typeof tokenizerSchema>,
  added: readonly TaggedTag[],
): Promise<void> {
  // Not "special": programs remove special tokens from a text, and must not remove these.
  const entry = (content: string) => ({
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: false,
  });
  const tokens = [...tokenizer.added_tokens, ...added.map(({ id, content }) => ({ id, ...entry(content) }))];
  await writeJson(join(folder, "tokenizer.json"), { ...tokenizer, added_tokens: tokens });
  const path = join(folder, "tokenizer_config.json");
  if (!existsSync(path)) return;
  const config = await readDocument(path, tokenizerConfigSchema, MODEL_FILE);
  if (config.added_tokens_decoder === undefined) return;
  const decoder = {
    ...config.added_tokens_decoder,
    ...Object.fromEntries(added.map(({ id, content }) => [String(id), entry(content)])),
  };
  await writeJson(path, { ...config, added_tokens_decoder: decoder });
}

/** Writes the new rows of the embedding, and of the output where it has its own matrix. */
async function writeRows(from: string, folder: string, added: readonly TaggedTag[]): Promise<string[]> {
  const { tokenizer } = await loadTokenizer(from);
  const written: string[] = [];
  for (const matrix of [EMBEDDING, OUTPUT]) {
    const file = await fileOf(folder, matrix);
    if (file === undefined) continue;
    await using rows = await TensorRows.open(join(folder, file), matrix);
    for (const { id, content } of added) {
      const parts = tokenizer.encode([textPiece(content.slice(1, -1))]);
      const mean = new Float32Array(rows.columns);
      for (const part of parts) {
        const row = await rows.read(part);
        for (const [column, value] of row.entries())
          mean[column] = (mean[column] ?? 0) + value / parts.length;
      }
      await rows.write(id, mean);
    }
    written.push(matrix);
  }
  return written;
}

/** File of a matrix. Undefined where the folder has no weights, or the output shares the embedding. */
async function fileOf(folder: string, matrix: string): Promise<string | undefined> {
  const index = join(folder, INDEX_FILE);
  if (existsSync(index)) return (await readDocument(index, indexSchema, MODEL_FILE)).weight_map[matrix];
  if (!existsSync(join(folder, WEIGHTS_FILE))) return undefined;
  if (matrix === EMBEDDING) return WEIGHTS_FILE;
  const { tie_word_embeddings: isTied } = await readDocument(
    join(folder, "config.json"),
    z.looseObject({ tie_word_embeddings: z.boolean().default(false) }),
    MODEL_FILE,
  );
  return isTied ? undefined : WEIGHTS_FILE;
}

async function requireTags(folder: string, rows: number): Promise<void> {
  const { tokenizer } = await loadTokenizer(folder, rows);
  for (const tag of [OFFLOAD_TAGS.open, OFFLOAD_TAGS.close])
    if (tokenizer.controlId(tag) === undefined)
      throw new DataError(`${folder}: ${tag} is in tokenizer.json, and is no control token there.`, {
        code: "file-invalid",
      });
}

const writeJson = (path: string, document: unknown): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify(document, undefined, 2)}\n`);
