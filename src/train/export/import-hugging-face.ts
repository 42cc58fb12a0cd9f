/** Reads a folder with a dense Qwen3 or Qwen2 model, ours or one that transformers wrote, for the embedded trainer. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../core/document.ts";
import { DataError, errorMessage } from "../../core/errors.ts";
import { decodeSafetensors } from "../../formats/safetensors.ts";
import { loadTokenizer, type LoadedTokenizer } from "../../tokenizer/tokenizer-json.ts";
import { architectureOf, parseQwen3Config, type Qwen3Config } from "../model/config.ts";
import { OUTPUT_HEAD, parameterSpecs, type Weights } from "../model/parameters.ts";

/** Largest file that is read into memory, far above what the embedded trainer can train. */
const MAX_WEIGHT_BYTES = 2 ** 31;

export interface ImportedModel {
  readonly config: Qwen3Config;
  readonly weights: Weights;
  /** Undefined when the folder has no tokenizer.json. */
  readonly tokenizer: LoadedTokenizer | undefined;
}

const count = z.int().positive();
/** `Qwen3Config` and `Qwen2Config` of transformers, versions 4 and 5. Fields that are not named do not change the logits. */
const configSchema = z.object({
  model_type: z.enum(["qwen3", "qwen2"]),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.optional(),
  max_position_embeddings: count.default(32_768),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: z
    .object({
      rope_type: z.literal("default").default("default"),
      rope_theta: z.number().positive().nullish(),
    })
    .nullish(),
  rope_scaling: z.object({ rope_type: z.literal("default") }).nullish(),
  hidden_act: z.literal("silu").default("silu"),
  attention_bias: z.literal(false).default(false),
  use_sliding_window: z.literal(false).default(false),
  layer_types: z.array(z.literal("full_attention")).nullish(),
  quantization_config: z.null().optional(),
});

/**
 * Reads config.json, model.safetensors (F32, BF16 or F16, in one file) and the tokenizer, where there is one.
 * @throws DataError when a file is missing or broken, or the trainer does not compute the model exactly. That is so for other
 * architectures, scaled rotary embedding, sliding windows, biases, and quantised or sharded weights.
 */
export async function importHuggingFace(folder: string): Promise<ImportedModel> {
  const config = await readConfig(join(folder, "config.json"));
  const path = join(folder, "model.safetensors");
  if ((await sizeOf(path)) === undefined && (await sizeOf(`${path}.index.json`)) !== undefined) {
    throw new DataError(
      `${folder} has its weights in several files, which is not supported: save them as one model.safetensors.`,
      { code: "file-invalid" },
    );
  }
  const { tensors } = decodeSafetensors(await readWeightFile(path), path);
  checkWeights(path, config, tensors);
  const hasTokenizer = (await sizeOf(join(folder, "tokenizer.json"))) !== undefined;
  return {
    config,
    weights: tensors,
    tokenizer: hasTokenizer ? await loadTokenizer(folder, config.vocabularySize) : undefined,
  };
}

async function readConfig(path: string): Promise<Qwen3Config> {
  const name = `model configuration ${path}`;
  const config = await readDocument(path, configSchema, {
    name,
    source: "file",
    advice: "Only dense Qwen3 and Qwen2 without extensions are supported.",
    maxFaults: 5,
  });
  const isQwen3 = config.model_type === "qwen3";
  try {
    return parseQwen3Config({
      vocabularySize: config.vocab_size,
      hiddenSize: config.hidden_size,
      layers: config.num_hidden_layers,
      heads: config.num_attention_heads,
      keyValueHeads: config.num_key_value_heads ?? config.num_attention_heads,
      headSize: config.head_dim ?? (isQwen3 ? 128 : config.hidden_size / config.num_attention_heads),
      attentionBias: !isQwen3,
      headNorms: isQwen3,
      intermediateSize: config.intermediate_size,
      ropeTheta: config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10_000,
      rmsEpsilon: config.rms_norm_eps,
      tiedEmbeddings: config.tie_word_embeddings,
      maxPositions: config.max_position_embeddings,
    });
  } catch (error) {
    throw new DataError(`${name} is not a model that can be used here: ${errorMessage(error)}`, {
      code: "file-invalid",
      cause: error,
    });
  }
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
      `${path} has ${sizeBytes} bytes; the embedded trainer takes models of at most ${MAX_WEIGHT_BYTES}.`,
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

/** Checks the weights here, so that the message names the file. */
function checkWeights(path: string, config: Qwen3Config, weights: Weights): void {
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
  if (stranger !== undefined) throw invalid(`${stranger} is not a parameter of ${architectureOf(config)}`);
}
