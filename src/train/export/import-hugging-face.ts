/** Reads a folder with a dense decoder, ours or one that transformers wrote, for the embedded trainer. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../core/document.ts";
import { DataError, errorMessage } from "../../core/errors.ts";
import { decodeSafetensors } from "../../formats/safetensors.ts";
import { loadTokenizer, type LoadedTokenizer } from "../../tokenizer/tokenizer-json.ts";
import { ARCHITECTURE_NAMES, architectureNamed } from "../model/architectures/index.ts";
import { parseDecoderConfig, type DecoderConfig } from "../model/config.ts";
import { OUTPUT_HEAD, parameterCount, parameterSpecs, type Weights } from "../model/parameters.ts";
import { requireMemory } from "./memory.ts";

/** Largest file that is read into memory at once. */
const MAX_WEIGHT_BYTES = 2 ** 31;

export interface ImportedModel {
  readonly config: DecoderConfig;
  readonly weights: Weights;
  /** Undefined when the folder has no tokenizer.json. */
  readonly tokenizer: LoadedTokenizer | undefined;
}

const count = z.int().positive();
const positive = z.number().positive();
/** `rope_scaling` of transformers 4, `rope_parameters` of version 5. */
const ropeSchema = z.object({
  rope_type: z.enum(["default", "linear", "llama3"]).optional(),
  type: z.enum(["default", "linear", "llama3"]).optional(),
  rope_theta: positive.nullish(),
  factor: positive.optional(),
  low_freq_factor: positive.optional(),
  high_freq_factor: positive.optional(),
  original_max_position_embeddings: count.optional(),
});
/** The fields that the configurations of transformers, versions 4 and 5, have in common. Fields that are not named do not change the logits. */
const configSchema = z.looseObject({
  model_type: z.enum(ARCHITECTURE_NAMES),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  max_position_embeddings: count.default(32_768),
  rms_norm_eps: positive.default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: positive.nullish(),
  rope_parameters: ropeSchema.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_interleaved: z.literal(false).optional(),
  hidden_act: z.literal("silu").default("silu"),
  layer_types: z.array(z.literal("full_attention")).nullish(),
  quantization_config: z.null().optional(),
});

/**
 * Reads config.json, the weights (F32, BF16 or F16, in one file or in shards) and the tokenizer, where there is one.
 * @throws DataError when a file is missing or broken, memory is too small, or the trainer does not compute the model exactly. That is so for
 * other architectures and scalings of the rotary embedding, sliding windows, other biases, and quantised weights.
 */
export async function importHuggingFace(folder: string): Promise<ImportedModel> {
  const config = await readConfig(join(folder, "config.json"));
  requireMemory(folder, parameterCount(config));
  const weights = await readWeights(folder);
  checkWeights(folder, config, weights);
  const hasTokenizer = (await sizeOf(join(folder, "tokenizer.json"))) !== undefined;
  return {
    config,
    weights,
    tokenizer: hasTokenizer ? await loadTokenizer(folder, config.vocabularySize) : undefined,
  };
}

async function readConfig(path: string): Promise<DecoderConfig> {
  const name = `model configuration ${path}`;
  const config = await readDocument(path, configSchema, {
    name,
    source: "file",
    advice: `Dense decoders of these architectures can be used: ${ARCHITECTURE_NAMES.join(", ")}.`,
    maxFaults: 5,
  });
  const invalid = (what: string, cause?: unknown): DataError =>
    new DataError(`${name} is not a model that can be used here: ${what}`, { code: "file-invalid", cause });
  const architecture = architectureNamed(config.model_type);
  for (const [field, allowed] of Object.entries(architecture.fixedFields)) {
    const value = config[field] ?? allowed;
    if (value !== allowed)
      throw invalid(`${field} is ${JSON.stringify(value)}; only ${JSON.stringify(allowed)} is computed.`);
  }
  const rope = config.rope_parameters ?? config.rope_scaling ?? {};
  try {
    return parseDecoderConfig({
      architecture: config.model_type,
      vocabularySize: config.vocab_size,
      hiddenSize: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      keyValueHeads: config.num_key_value_heads ?? config.num_attention_heads,
      headSize: config.head_dim ?? architecture.headSize ?? config.hidden_size / config.num_attention_heads,
      intermediateSize: config.intermediate_size,
      ropeTheta: rope.rope_theta ?? config.rope_theta ?? 10_000,
      ...ropeScalingOf(rope),
      rmsEpsilon: config.rms_norm_eps,
      tiedEmbeddings: config.tie_word_embeddings,
      maxPositions: config.max_position_embeddings,
    });
  } catch (error) {
    throw invalid(errorMessage(error), error);
  }
}

function ropeScalingOf(rope: z.output<typeof ropeSchema>): { readonly ropeScaling?: unknown } {
  const type = rope.rope_type ?? rope.type ?? "default";
  if (type === "default") return {};
  if (type === "linear") return { ropeScaling: { type, factor: rope.factor } };
  return {
    ropeScaling: {
      type,
      factor: rope.factor,
      lowFrequencyFactor: rope.low_freq_factor,
      highFrequencyFactor: rope.high_freq_factor,
      originalPositions: rope.original_max_position_embeddings,
    },
  };
}

const SINGLE_FILE = "model.safetensors";
const SHARD_INDEX = `${SINGLE_FILE}.index.json`;
const shardIndexSchema = z.object({
  /** The file that holds each tensor. */
  weight_map: z.record(z.string(), z.string().regex(/^[\w.-]+\.safetensors$/u)),
});

async function readWeights(folder: string): Promise<Weights> {
  const path = join(folder, SINGLE_FILE);
  const indexPath = join(folder, SHARD_INDEX);
  if ((await sizeOf(path)) !== undefined || (await sizeOf(indexPath)) === undefined)
    return decodeSafetensors(await readWeightFile(path), path).tensors;
  const { weight_map: places } = await readDocument(indexPath, shardIndexSchema, {
    name: `shard index ${indexPath}`,
    source: "file",
  });
  const weights = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>();
  for (const file of new Set(Object.values(places))) {
    const shard = join(folder, file);
    const { tensors } = decodeSafetensors(await readWeightFile(shard), shard);
    for (const [name, tensor] of tensors) if (places[name] === file) weights.set(name, tensor);
  }
  const missing = Object.keys(places).find((name) => !weights.has(name));
  if (missing !== undefined)
    throw new DataError(`${indexPath} puts ${missing} into ${places[missing]}, which does not have it.`, {
      code: "file-invalid",
    });
  return weights;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

async function readWeightFile(path: string): Promise<Uint8Array> {
  const sizeBytes = await sizeOf(path);
  if (sizeBytes === undefined)
    throw new DataError(`cannot read ${path}: no such file`, { code: "file-missing" });
  if (sizeBytes > MAX_WEIGHT_BYTES) {
    throw new DataError(
      `${path} has ${sizeBytes} bytes; a file of weights may have ${MAX_WEIGHT_BYTES}: save the model in shards (save_pretrained with max_shard_size).`,
      { code: "file-invalid" },
    );
  }
  return readFile(path).catch((error: unknown) => {
    throw new DataError(`cannot read ${path}: ${errorMessage(error)}`, {
      code: "file-unreadable",
      cause: error,
    });
  });
}

/** Checks the weights here, so that the message names the folder. */
function checkWeights(path: string, config: DecoderConfig, weights: Weights): void {
  const invalid = (what: string) =>
    new DataError(`${path} does not fit its config.json: ${what}.`, { code: "file-invalid" });
  const shapes = new Map(parameterSpecs(config).map(({ name, shape }) => [name, shape]));
  for (const [name, shape] of shapes) {
    const tensor = weights.get(name);
    if (tensor === undefined) throw invalid(`${name} is missing`);
    if (tensor.shape.join() !== shape.join()) {
      throw invalid(
        `${name} is [${tensor.shape.join(", ")}] where the config asks for [${shape.join(", ")}]`,
      );
    }
  }
  const stranger = [...weights.keys()].find((name) => !shapes.has(name) && name !== OUTPUT_HEAD);
  if (stranger !== undefined) throw invalid(`${stranger} is not a parameter of ${config.architecture}`);
}
