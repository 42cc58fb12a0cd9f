/**
 * Deterministic random Qwen3 models for tests and benchmarks: real files that llama.cpp loads, with lively outputs (no trained
 * model is needed to exercise an engine or a decoder). `reference-model.ts` computes the same logits in plain TypeScript.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createRng, type Rng } from "../../src/core/rng.ts";
import {
  encodeGguf,
  GGUF_TOKEN_TYPES,
  ggufBool,
  ggufFloat32,
  ggufInt32s,
  ggufString,
  ggufStrings,
  ggufUint32,
  type GgufContent,
  type GgufTensor,
  type GgufValue,
} from "../../src/formats/gguf/index.ts";
import { byteCharacters } from "../../src/formats/byte-alphabet.ts";

/** Control tokens, after the 256 bytes: ids 256 to 262. */
export const TINY_CONTROLS = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<think>",
  "</think>",
  "<bigmodel>",
  "</bigmodel>",
] as const;
const TINY_END_OF_TURN = "<|im_end|>";
const TINY_VOCABULARY_SIZE = 256 + TINY_CONTROLS.length;

export const tinyControlId = (marker: (typeof TINY_CONTROLS)[number]) => 256 + TINY_CONTROLS.indexOf(marker);

export interface TinyModelOptions {
  readonly seed?: number;
  /** Width of the residual stream. Default 64. */
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly keyValueHeads?: number;
  readonly headSize?: number;
  readonly feedForward?: number;
  /** Default 263: bytes and controls. More adds merges of letters (deterministic, so vocabularies of equal size are equal). */
  readonly vocabularySize?: number;
  /** The context length that the file declares. Engines may open a smaller context. */
  readonly contextLength?: number;
  /** Standard deviation of the logits, about. Higher is more decided; 2.5 is like text. */
  readonly liveliness?: number;
  /** Without chat template (the default) the file has none. */
  readonly chatTemplate?: string;
}

export interface TinyLayer {
  readonly attentionNorm: Float32Array;
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
  readonly queryNorm: Float32Array;
  readonly keyNorm: Float32Array;
  readonly output: Float32Array;
  readonly feedForwardNorm: Float32Array;
  readonly gate: Float32Array;
  readonly up: Float32Array;
  readonly down: Float32Array;
}

export interface TinyModel {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly feedForward: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly epsilon: number;
  readonly ropeBase: number;
  readonly chatTemplate: string | undefined;
  /** Row-major, `[vocabularySize, width]`; also the output head (tied). */
  readonly embedding: Float32Array;
  readonly outputNorm: Float32Array;
  /** Matrices are row-major `[outputs, inputs]`. */
  readonly weights: readonly TinyLayer[];
}

/** With a tied head, the last token's own embedding makes it likely again; louder layers drown that. */
const OUTPUT_SCALE = 4;
/** Bytes outside printable ASCII are less likely, so that most of what is generated is text (and some is not UTF-8). */
const UNPRINTABLE_SCALE = 0.7;

export function tinyModel(options: TinyModelOptions = {}): TinyModel {
  const width = options.width ?? 64;
  const heads = options.heads ?? 4;
  const keyValueHeads = options.keyValueHeads ?? Math.max(1, heads / 2);
  const headSize = options.headSize ?? 16;
  const feedForward = options.feedForward ?? width * 2;
  const vocabularySize = options.vocabularySize ?? TINY_VOCABULARY_SIZE;
  const rng = createRng(options.seed ?? 1);
  const matrix = (rows: number, columns: number, scale = 1) =>
    normals(rng.fork(`matrix ${drawn++}`), rows * columns, 0, scale / Math.sqrt(columns));
  const gain = (size: number) => normals(rng.fork(`gain ${drawn++}`), size, 1, 0.1);
  let drawn = 0;
  const embedding = normals(
    rng.fork("embedding"),
    vocabularySize * width,
    0,
    (options.liveliness ?? 2.5) / Math.sqrt(width),
  );
  for (let id = 0; id < 256; id++) {
    if (id >= 0x20 && id < 0x7f) continue;
    const row = embedding.subarray(id * width, (id + 1) * width);
    for (let axis = 0; axis < width; axis++) row[axis] = (row[axis] ?? 0) * UNPRINTABLE_SCALE;
  }
  const weights = Array.from({ length: options.layers ?? 2 }, (): TinyLayer => ({
    attentionNorm: gain(width),
    query: matrix(heads * headSize, width),
    key: matrix(keyValueHeads * headSize, width),
    value: matrix(keyValueHeads * headSize, width),
    queryNorm: normals(rng.fork(`gain ${drawn++}`), headSize, 1.5, 0.1),
    keyNorm: normals(rng.fork(`gain ${drawn++}`), headSize, 1.5, 0.1),
    output: matrix(width, heads * headSize, OUTPUT_SCALE),
    feedForwardNorm: gain(width),
    gate: matrix(feedForward, width),
    up: matrix(feedForward, width),
    down: matrix(width, feedForward, OUTPUT_SCALE),
  }));
  return {
    width,
    layers: weights.length,
    heads,
    keyValueHeads,
    headSize,
    feedForward,
    vocabularySize,
    contextLength: options.contextLength ?? 2048,
    epsilon: 1e-6,
    ropeBase: 10_000,
    chatTemplate: options.chatTemplate,
    embedding,
    outputNorm: gain(width),
    weights,
  };
}

function normals(rng: Rng, count: number, mean: number, deviation: number): Float32Array {
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) values[index] = mean + deviation * rng.normal();
  return values;
}

/** Tokens by id and merges by rank: bytes, controls, then words of two, three and four letters. */
export function tinyVocabulary(size: number = TINY_VOCABULARY_SIZE): {
  readonly tokens: readonly string[];
  readonly merges: readonly string[];
} {
  const tokens: string[] = [...byteCharacters(), ...TINY_CONTROLS];
  const merges: string[] = [];
  const letters = "etaoinshrdlucmfwypvbgkqjxz".split("");
  const combine = (left: readonly string[], right: readonly string[]): string[] => {
    const words: string[] = [];
    for (const first of left) {
      for (const second of right) {
        if (tokens.length >= size) return words;
        tokens.push(first + second);
        merges.push(`${first} ${second}`);
        words.push(first + second);
      }
    }
    return words;
  };
  const pairs = combine(letters, letters);
  combine(letters, pairs);
  combine(pairs, pairs);
  if (tokens.length !== size) {
    throw new RangeError(
      `a tiny vocabulary has ${TINY_VOCABULARY_SIZE} to ${tokens.length} tokens, not ${size}`,
    );
  }
  return { tokens, merges };
}

export function tinyGgufContent(model: TinyModel): {
  readonly metadata: Record<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
} {
  const { tokens, merges } = tinyVocabulary(model.vocabularySize);
  const isControl = (id: number) => id >= 256 && id < TINY_VOCABULARY_SIZE;
  const { width, headSize, heads, keyValueHeads, feedForward } = model;
  const tensor = (name: string, dimensions: readonly number[], data: Float32Array): GgufTensor => ({
    name,
    dimensions,
    data,
  });
  return {
    metadata: {
      "general.architecture": ggufString("qwen3"),
      "general.name": ggufString("tiny random model"),
      "qwen3.context_length": ggufUint32(model.contextLength),
      "qwen3.embedding_length": ggufUint32(width),
      "qwen3.block_count": ggufUint32(model.layers),
      "qwen3.feed_forward_length": ggufUint32(feedForward),
      "qwen3.attention.head_count": ggufUint32(heads),
      "qwen3.attention.head_count_kv": ggufUint32(keyValueHeads),
      "qwen3.attention.key_length": ggufUint32(headSize),
      "qwen3.attention.value_length": ggufUint32(headSize),
      "qwen3.attention.layer_norm_rms_epsilon": ggufFloat32(model.epsilon),
      "qwen3.rope.freq_base": ggufFloat32(model.ropeBase),
      "tokenizer.ggml.model": ggufString("gpt2"),
      "tokenizer.ggml.pre": ggufString("qwen2"),
      "tokenizer.ggml.tokens": ggufStrings(tokens),
      "tokenizer.ggml.token_type": ggufInt32s(
        tokens.map((_, id) => (isControl(id) ? GGUF_TOKEN_TYPES.control : GGUF_TOKEN_TYPES.normal)),
      ),
      "tokenizer.ggml.merges": ggufStrings(merges),
      "tokenizer.ggml.eos_token_id": ggufUint32(tinyControlId(TINY_END_OF_TURN)),
      "tokenizer.ggml.padding_token_id": ggufUint32(tinyControlId("<|endoftext|>")),
      "tokenizer.ggml.add_bos_token": ggufBool(false),
      ...(model.chatTemplate === undefined
        ? {}
        : { "tokenizer.chat_template": ggufString(model.chatTemplate) }),
    },
    tensors: [
      tensor("token_embd.weight", [width, model.vocabularySize], model.embedding),
      tensor("output_norm.weight", [width], model.outputNorm),
      ...model.weights.flatMap((layer, index) => [
        tensor(`blk.${index}.attn_norm.weight`, [width], layer.attentionNorm),
        tensor(`blk.${index}.attn_q.weight`, [width, heads * headSize], layer.query),
        tensor(`blk.${index}.attn_k.weight`, [width, keyValueHeads * headSize], layer.key),
        tensor(`blk.${index}.attn_v.weight`, [width, keyValueHeads * headSize], layer.value),
        tensor(`blk.${index}.attn_q_norm.weight`, [headSize], layer.queryNorm),
        tensor(`blk.${index}.attn_k_norm.weight`, [headSize], layer.keyNorm),
        tensor(`blk.${index}.attn_output.weight`, [heads * headSize, width], layer.output),
        tensor(`blk.${index}.ffn_norm.weight`, [width], layer.feedForwardNorm),
        tensor(`blk.${index}.ffn_gate.weight`, [width, feedForward], layer.gate),
        tensor(`blk.${index}.ffn_up.weight`, [width, feedForward], layer.up),
        tensor(`blk.${index}.ffn_down.weight`, [feedForward, width], layer.down),
      ]),
    ],
  } satisfies GgufContent;
}

/** The bytes of the model's GGUF file. */
export const tinyGguf = (model: TinyModel): Uint8Array => encodeGguf(tinyGgufContent(model));

/** Writes the model as `<folder>/<name>.gguf` (a new temporary folder when none is given) and returns the path. */
export function writeTinyModel(model: TinyModel, folder = temporaryFolder(), name = "tiny"): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.gguf`);
  writeFileSync(path, tinyGguf(model));
  return path;
}

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "splitreason-test-"));
