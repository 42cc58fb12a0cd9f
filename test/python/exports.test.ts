/**
 * The same model in three programs: the embedded trainer, Python's transformers (`Qwen3ForCausalLM`, the code that vLLM's own follows)
 * and llama.cpp. Logits agree to 1e-4, token ids are equal.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { tokenId, type TokenId } from "../../src/core/ids.ts";
import { controlPiece, textPiece } from "../../src/core/piece.ts";
import { createRng } from "../../src/core/rng.ts";
import { checkGguf } from "../../src/formats/gguf/index.ts";
import { requantizeGguf } from "../../src/formats/gguf/requantize.ts";
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
  importGguf,
  importHuggingFace,
  modelExporter,
  type ModelTokenizer,
} from "../../src/train/export/index.ts";
import { ARCHITECTURE_NAMES } from "../../src/train/model/architectures/index.ts";
import type { DecoderConfigInput } from "../../src/train/model/config.ts";
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

const LLAMA3 = {
  type: "llama3",
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalPositions: 64,
} as const;

let folder = "";
beforeAll(async () => {
  await preparePython();
  folder = await mkdtemp(join(tmpdir(), "exports-"));
}, ENVIRONMENT_TIMEOUT_MS);
afterAll(async () => {
  if (folder !== "") await rm(folder, { recursive: true });
});

function config(change: Partial<DecoderConfigInput> = {}): DecoderConfigInput {
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
  readonly className: string;
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
  ["Qwen2", config({ architecture: "qwen2", hiddenSize: 64 })],
  [
    "Qwen2, scaled by a factor",
    config({ architecture: "qwen2", hiddenSize: 64, ropeScaling: { type: "linear", factor: 4 } }),
  ],
  ["Llama, untied", config({ architecture: "llama", tiedEmbeddings: false })],
  ["Llama 3", config({ architecture: "llama", ropeScaling: LLAMA3 })],
])("an exported model (%s)", (name, modelConfig) => {
  it("has the same logits in the trainer, in transformers and in llama.cpp", async () => {
    const initial = await EmbeddedTrainer.create({ config: modelConfig, seed: 1 });
    const weights = livelyWeights(initial.weights(), 2);
    await initial.close();
    const path = join(folder, `export-${name.replaceAll(/\W+/gu, "-")}`);
    const trainer = await EmbeddedTrainer.create({
      config: modelConfig,
      weights,
      exporter: modelExporter(tokenizerOfModel, "tiny"),
    });
    await trainer.export(path);
    const tokens = tokenSequences(trainer.config.vocabularySize);
    const python = (await runPython("logits.py", { folder: path, tokens })) as PythonLogits;
    const classes = { llama: "LlamaForCausalLM", qwen2: "Qwen2ForCausalLM", qwen3: "Qwen3ForCausalLM" };
    expect(python).toMatchObject({
      className: classes[trainer.config.architecture],
      isTied: modelConfig.tiedEmbeddings ?? true,
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

    // The GGUF says the same, up to the names of the rotary factors and the precision of its numbers.
    const { config: fromGguf, weights: ggufWeights } = importGguf(ggufPath);
    expect(ggufWeights).toEqual(weights);
    const again = await EmbeddedTrainer.create({ config: fromGguf, weights: ggufWeights });
    const ids = tokens[0] ?? [];
    expect(largestDifference(await trainerLogits(again, ids), python.logits[0] ?? [])).toBeLessThan(
      TOLERANCE,
    );
    await again.close();
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

const SHARDED = { shardBytes: "20KB" };
const QWEN3_ROPE = { rope_parameters: { rope_type: "default", rope_theta: 1_000_000 } };
describe.each<[string, string, object, string, object]>([
  ["tied, float32", "qwen3", { tie_word_embeddings: true, head_dim: 12, ...QWEN3_ROPE }, "float32", {}],
  [
    "untied, as many keys as queries",
    "qwen3",
    { tie_word_embeddings: false, num_key_value_heads: 4, head_dim: 12, ...QWEN3_ROPE },
    "float32",
    {},
  ],
  [
    "untied, one key",
    "qwen3",
    { tie_word_embeddings: false, num_key_value_heads: 1, head_dim: 12, ...QWEN3_ROPE },
    "bfloat16",
    {},
  ],
  ["tied, in shards", "qwen2", { tie_word_embeddings: true }, "bfloat16", SHARDED],
  ["untied", "qwen2", { tie_word_embeddings: false }, "float16", {}],
  ["SmolLM2", "llama", { tie_word_embeddings: true, num_key_value_heads: 1 }, "bfloat16", {}],
  [
    "Llama 3, in shards",
    "llama",
    {
      tie_word_embeddings: false,
      rope_parameters: {
        rope_type: "llama3",
        rope_theta: 10_000,
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
    "float16",
    SHARDED,
  ],
  [
    "Llama 2, scaled by a factor",
    "llama",
    { rope_parameters: { rope_type: "linear", rope_theta: 10_000, factor: 3 } },
    "float32",
    {},
  ],
])("a model that transformers wrote (%s, %s)", (name, modelType, change, dtype, shards) => {
  it(`has the same logits in our trainer, from ${dtype}`, async () => {
    const path = join(folder, `${modelType}-${name}`.replaceAll(/\W+/gu, "-"));
    const written = {
      vocab_size: 300,
      hidden_size: 40,
      intermediate_size: 72,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      max_position_embeddings: 256,
      rms_norm_eps: 1e-6,
      ...change,
    };
    const tokens = tokenSequences(written.vocab_size);
    const request = { folder: path, modelType, config: written, seed: 3, dtype, tokens, ...shards };
    const python = (await runPython("write_model.py", request)) as PythonLogits;
    const { config, weights, tokenizer: none } = await importHuggingFace(path);
    expect(none).toBeUndefined();
    expect(config).toMatchObject({
      architecture: modelType,
      ropeTheta: python.ropeTheta,
      tiedEmbeddings: python.isTied,
    });
    expect(existsSync(join(path, "model.safetensors.index.json"))).toBe(shards === SHARDED);
    const trainer = await EmbeddedTrainer.create({ config, weights, rowLength: 128 });
    for (const [index, ids] of tokens.entries()) {
      const ours = await trainerLogits(trainer, ids);
      expect(Math.max(...ours.flat()) - Math.min(...ours.flat())).toBeGreaterThan(5);
      expect(largestDifference(ours, python.logits[index] ?? [])).toBeLessThan(TOLERANCE);
    }
    await trainer.close();
  });
});

describe.each(["F16", "Q8_0", "Q4_0"] as const)("a GGUF of %s", (encoding) => {
  it.each(ARCHITECTURE_NAMES)("of %s is trained as llama.cpp computes it", async (architecture) => {
    const modelConfig = config({
      architecture,
      hiddenSize: 64,
      intermediateSize: 96,
      vocabularySize: tokenizer.size,
    });
    const initial = await EmbeddedTrainer.create({ config: modelConfig, seed: 1 });
    const weights = livelyWeights(initial.weights(), 5);
    await initial.close();
    const path = join(folder, `${architecture}-${encoding}`);
    await modelExporter(tokenizerOfModel, "tiny")(path, initial.config, weights);
    const quantised = join(path, "quantised.gguf");
    await requantizeGguf(join(path, GGUF_FILE), quantised, { weights: encoding });
    const read = importGguf(quantised);
    const trainer = await EmbeddedTrainer.create({ config: read.config, weights: read.weights });
    const ids = (tokenSequences(tokenizer.size)[0] ?? []).slice(0, 40);
    const ours = await trainerLogits(trainer, ids);
    await using llama = await loadLlamaReference(quantised, 128);
    const theirs = await llama.logits(ids);
    await trainer.close();
    // llama.cpp rounds activations to 8 bits before products with quantised weights. On these logits, which spread over 20 nats and more, that is
    // a tenth of a nat; wrong weights differ by several.
    expect(meanDifference(ours, theirs)).toBeLessThan(encoding === "F16" ? 0.01 : 0.15);
    expect(
      largestDifference(
        ours,
        theirs.map((row) => row.toReversed()),
      ),
    ).toBeGreaterThan(5);
  });
});

function meanDifference(left: readonly number[][], right: readonly number[][]): number {
  const differences = left.flatMap((row, index) =>
    row.map((value, column) => Math.abs(value - (right[index]?.[column] ?? NaN))),
  );
  return differences.reduce((sum, value) => sum + value, 0) / differences.length;
}
