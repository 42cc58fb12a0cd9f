/**
 * The same model in three programs: the embedded trainer, Python's transformers (`Qwen3ForCausalLM`, the code that vLLM's own follows)
 * and llama.cpp. Logits agree to 1e-4, token ids are equal.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { tokenId, type TokenId } from "../../src/core/ids.ts";
import { controlPiece, textPiece } from "../../src/core/piece.ts";
import { createRng } from "../../src/core/rng.ts";
import { checkGguf } from "../../src/formats/gguf/index.ts";
import { microExample } from "../../src/micro/index.ts";
import {
  BUILT_IN_TEMPLATES,
  ByteLevelTokenizer,
  ChatTemplate,
  loadTokenizer,
  trainBytePairs,
  type ChatMessage,
} from "../../src/tokenizer/index.ts";
import {
  GGUF_FILE,
  importHuggingFace,
  modelExporter,
  type ModelTokenizer,
} from "../../src/train/export/index.ts";
import type { Qwen3ConfigInput } from "../../src/train/model/config.ts";
import type { Weights } from "../../src/train/model/parameters.ts";
import { EmbeddedTrainer } from "../../src/train/trainers/embedded/embedded-trainer.ts";
import { ENVIRONMENT_TIMEOUT_MS, preparePython, runPython } from "./environment.ts";
import { loadLlamaReference } from "../support/llama-reference.ts";
import { chosenTexts, MARKERS, mixedTexts } from "../support/token-texts.ts";

// Importing torch alone takes seconds, many of them on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

const TOLERANCE = 1e-4;
const EXAMPLES = Array.from({ length: 200 }, (_, index) => microExample("train", 1, index));
const tokenizerOfModel: ModelTokenizer = {
  vocabulary: trainBytePairs({
    corpus: EXAMPLES.flatMap(({ text, trace }) => [text, ...trace.text.split("</think>")]),
    controlTokens: MARKERS,
  }),
  endOfTurn: "<|im_end|>",
  padding: "<|endoftext|>",
  chatTemplate: BUILT_IN_TEMPLATES.chatml,
};
const tokenizer = new ByteLevelTokenizer(tokenizerOfModel.vocabulary, { endOfTurn: "<|im_end|>" });

const TEXTS = [
  ...EXAMPLES.slice(0, 40).map(({ text }) => text),
  ...EXAMPLES.slice(0, 40).map(({ trace }) => `<think>\n${trace.text}`),
  ...chosenTexts,
  ...mixedTexts(1000, 11),
];
const PROMPT = "<|im_start|>user\nWhat is 12 times 34?<|im_end|>\n<|im_start|>assistant\n<think>\n";

let folder = "";
beforeAll(async () => {
  await preparePython();
  folder = await mkdtemp(join(tmpdir(), "exports-"));
}, ENVIRONMENT_TIMEOUT_MS);
afterAll(async () => {
  if (folder !== "") await rm(folder, { recursive: true });
});

function config(change: Partial<Qwen3ConfigInput> = {}): Qwen3ConfigInput {
  return {
    vocabularySize: tokenizer.size,
    hiddenSize: 48,
    layers: 3,
    heads: 4,
    keyValueHeads: 2,
    headSize: 16,
    intermediateSize: 96,
    ropeTheta: 50_000,
    rmsEpsilon: 1e-5,
    maxPositions: 128,
    ...change,
  };
}

/** Random ones, far from the initial values: norms differ from 1, logits spread over several nats. */
function livelyWeights(initial: Weights, seed: number): Weights {
  const rng = createRng(seed);
  return new Map(
    Array.from(initial, ([name, { shape, data }]) => {
      const fanIn = shape[1];
      const draw =
        fanIn === undefined ? () => 1 + 0.2 * rng.normal() : () => (1.5 * rng.normal()) / Math.sqrt(fanIn);
      return [name, { shape, data: Float32Array.from(data, draw) }];
    }),
  );
}

/** 100 ids of all kinds, and a real prompt. */
function tokenSequences(size: number): TokenId[][] {
  const rng = createRng(5);
  return [
    Array.from({ length: 100 }, () => tokenId(rng.integer(0, size - 1))),
    tokenizer.encode([controlPiece(PROMPT)]).map((id) => tokenId(id % size)),
  ];
}

async function trainerLogits(trainer: EmbeddedTrainer, ids: readonly TokenId[]): Promise<number[][]> {
  const flat = await trainer.logits(ids);
  const size = trainer.config.vocabularySize;
  return ids.map((_, index) => [...flat.subarray(index * size, (index + 1) * size)]);
}

/** The largest absolute difference of two `[tokens][vocabulary]` tables. */
function largestDifference(left: readonly number[][], right: readonly number[][]): number {
  expect(left.map((row) => row.length)).toEqual(right.map((row) => row.length));
  return Math.max(
    ...left.flatMap((row, index) =>
      row.map((value, column) => Math.abs(value - (right[index]?.[column] ?? NaN))),
    ),
  );
}

interface PythonLogits {
  readonly logits: number[][][];
  readonly ropeTheta: number;
  readonly rmsEpsilon: number;
  readonly isTied: boolean;
  readonly endOfTurn: number | number[];
}

describe.each([
  ["tied, two queries to a key", config({ tiedEmbeddings: true })],
  [
    "untied, one key head, more rows than tokens",
    config({ tiedEmbeddings: false, keyValueHeads: 1, vocabularySize: tokenizer.size + 16 }),
  ],
])("an exported model (%s)", (_, modelConfig) => {
  it("has the same logits in the trainer, in transformers and in llama.cpp", async () => {
    const initial = await EmbeddedTrainer.create({ config: modelConfig, seed: 1 });
    const weights = livelyWeights(initial.weights(), 2);
    await initial.close();
    const path = join(folder, `export-${String(modelConfig.tiedEmbeddings)}`);
    const trainer = await EmbeddedTrainer.create({
      config: modelConfig,
      weights,
      exporter: modelExporter(tokenizerOfModel, "tiny"),
    });
    await trainer.export(path);
    const tokens = tokenSequences(trainer.config.vocabularySize);
    const python = (await runPython("logits.py", { folder: path, tokens })) as PythonLogits;
    expect(python).toMatchObject({
      isTied: modelConfig.tiedEmbeddings,
      ropeTheta: 50_000,
      rmsEpsilon: 1e-5,
      endOfTurn: [tokenizer.endOfTurn, tokenizer.controlId("<|endoftext|>")],
    });

    const ggufPath = join(path, GGUF_FILE);
    checkGguf(ggufPath);
    await using llama = await loadLlamaReference(ggufPath, 128);
    expect(llama.vocabularySize).toBe(trainer.config.vocabularySize);
    for (const [index, ids] of tokens.entries()) {
      const ours = await trainerLogits(trainer, ids);
      // A model that says nothing would agree with anything.
      expect(Math.max(...ours.flat()) - Math.min(...ours.flat())).toBeGreaterThan(5);
      const toPython = largestDifference(ours, python.logits[index] ?? []);
      const toLlama = largestDifference(ours, await llama.logits(ids));
      expect(toPython).toBeLessThan(TOLERANCE);
      expect(toLlama).toBeLessThan(TOLERANCE);
    }

    const imported = await importHuggingFace(path);
    expect(imported.config).toEqual(trainer.config);
    expect(imported.weights).toEqual(weights);
    expect(imported.tokenizer?.tokenizer.vocabulary).toBe(tokenizer.vocabulary);
    await trainer.close();
  });
});

describe("token ids", () => {
  it("are equal in our tokenizer, in transformers and in llama.cpp, with markers and without", async () => {
    const path = join(folder, "tokens");
    const trainer = await EmbeddedTrainer.create({
      config: config({ layers: 1 }),
      seed: 1,
      exporter: modelExporter(tokenizerOfModel, "tiny"),
    });
    await trainer.export(path);
    await trainer.close();
    const loaded = await loadTokenizer(path);
    const conversations: ChatMessage[][] = [
      [{ role: "user", content: "What is 12 times 34?" }],
      [
        { role: "system", content: " Be brief.\n" },
        { role: "user", content: "\n\nWhat?" },
        { role: "assistant", content: "It is 5." },
        { role: "user", content: "  And then  " },
      ],
    ];
    const python = (await runPython("tokens.py", { folder: path, texts: TEXTS, conversations })) as {
      readonly classes: object;
      readonly control: { readonly auto: number[][]; readonly fast: number[][]; readonly qwen: number[][] };
      readonly plain: number[][];
      readonly decoded: string[];
      readonly conversations: number[][];
      readonly endOfTurn: number;
      readonly padding: number;
      readonly size: number;
    };
    const control = TEXTS.map((text) => tokenizer.encode([controlPiece(text)]));
    const plain = TEXTS.map((text) => tokenizer.encode([textPiece(text)]));
    await using llama = await loadLlamaReference(join(path, GGUF_FILE), 128);
    for (const [index, text] of TEXTS.entries()) {
      expect(loaded.tokenizer.encode([controlPiece(text)]), text).toEqual(control[index]);
      expect(python.control.auto[index], text).toEqual(control[index]);
      expect(python.control.fast[index], text).toEqual(control[index]);
      // Qwen's own class puts text into NFC first, whatever tokenizer.json says.
      if (text === text.normalize("NFC")) expect(python.control.qwen[index], text).toEqual(control[index]);
      expect(python.plain[index], text).toEqual(plain[index]);
      expect(llama.tokenize(text, { markers: true }), text).toEqual(control[index]);
      expect(llama.tokenize(text, { markers: false }), text).toEqual(plain[index]);
    }
    expect(python.decoded).toEqual(TEXTS);
    expect(python).toMatchObject({
      endOfTurn: tokenizer.endOfTurn,
      padding: tokenizer.controlId("<|endoftext|>"),
      size: tokenizer.size,
    });
    const template = new ChatTemplate(loaded.chatTemplate ?? "");
    expect(conversations.map((messages) => tokenizer.encode(template.render(messages)))).toEqual(
      python.conversations,
    );
  });
});

describe.each([
  ["grouped queries, tied, float32", { tie_word_embeddings: true, num_key_value_heads: 2 }, "float32"],
  [
    "untied, as many keys as queries, float32",
    { tie_word_embeddings: false, num_key_value_heads: 4 },
    "float32",
  ],
  ["untied, one key, bfloat16", { tie_word_embeddings: false, num_key_value_heads: 1 }, "bfloat16"],
])("a model that transformers wrote (%s)", (name, change, dtype) => {
  it("has the same logits in our trainer", async () => {
    const path = join(folder, name.replaceAll(/\W+/gu, "-"));
    const written = {
      vocab_size: 300,
      hidden_size: 40,
      intermediate_size: 72,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      head_dim: 12,
      max_position_embeddings: 256,
      rms_norm_eps: 1e-6,
      rope_parameters: { rope_type: "default", rope_theta: 1_000_000 },
      ...change,
    };
    const tokens = tokenSequences(written.vocab_size);
    const request = { folder: path, config: written, seed: 3, dtype, tokens };
    const python = (await runPython("write_qwen3.py", request)) as PythonLogits;
    const { config, weights, tokenizer: none } = await importHuggingFace(path);
    expect(none).toBeUndefined();
    expect(config).toMatchObject({
      ropeTheta: 1_000_000,
      tiedEmbeddings: change.tie_word_embeddings,
      headSize: 12,
    });
    const trainer = await EmbeddedTrainer.create({ config, weights, rowLength: 128 });
    for (const [index, ids] of tokens.entries()) {
      const difference = largestDifference(await trainerLogits(trainer, ids), python.logits[index] ?? []);
      expect(difference).toBeLessThan(TOLERANCE);
    }
    await trainer.close();
  });
});
