/** Writes one GGUF file that llama.cpp loads, weights in F32. */
import { TrainError } from "../../core/errors.ts";
import { ggufFloat32, ggufString, ggufUint32, type GgufValue } from "../../formats/gguf/types.ts";
import { writeGguf } from "../../formats/gguf/writer.ts";
import { ggufTokenizerMetadata } from "../../tokenizer/gguf-vocabulary.ts";
import { architectureOf, type DecoderConfig } from "../model/config.ts";
import { EMBEDDING, FINAL_NORM, type LayerParameter, layerNames, OUTPUT_HEAD } from "../model/parameters.ts";
import { rotaryFactors } from "../model/rotary.ts";
import { interleavedHeads, toGgufRows } from "./gguf-heads.ts";
import { checkedWeights, type ModelFiles } from "./model-files.ts";

export interface GgufExport extends ModelFiles {
  /** `general.name`. */
  readonly name: string;
}

/** [headSize / 2]: by how much each pair of a head turns more slowly. */
export const ROPE_FACTORS = "rope_freqs.weight";

/** llama.cpp's names within `blk.N`, without the `.weight` or `.bias` at the end (gguf-py/gguf/constants.py). */
const LAYER_TENSORS: Readonly<Record<LayerParameter, string>> = {
  inputNorm: "attn_norm",
  query: "attn_q",
  queryBias: "attn_q",
  key: "attn_k",
  keyBias: "attn_k",
  value: "attn_v",
  valueBias: "attn_v",
  queryNorm: "attn_q_norm",
  keyNorm: "attn_k_norm",
  output: "attn_output",
  mlpNorm: "ffn_norm",
  gate: "ffn_gate",
  up: "ffn_up",
  down: "ffn_down",
};

/**
 * Replaces `path` in one step. A tied head is not written again: llama.cpp uses the embedding matrix.
 * @throws TrainError when weights, config and tokenizer do not belong together.
 */
export async function exportGguf(path: string, files: GgufExport): Promise<void> {
  const { config, tokenizer, name } = files;
  const { endOfTurn, padding, chatTemplate, vocabulary } = tokenizer;
  const names = ggufTensorNames(config);
  const heads = interleavedHeads(config);
  const tensors = Array.from(checkedWeights(files), ([huggingFaceName, { shape, data }]) => ({
    name: names.get(huggingFaceName) ?? huggingFaceName,
    dimensions: shape.toReversed(),
    data: toGgufRows(data, shape[1] ?? 1, heads.get(huggingFaceName)),
  }));
  const factors = config.ropeScaling?.type === "linear" ? undefined : rotaryFactors(config);
  if (factors !== undefined) {
    if (!architectureOf(config).interleavesHeads)
      throw new TrainError(
        `llama.cpp reads the factors of a rotary embedding for llama only, not for ${config.architecture}: this model can be exported for transformers only.`,
        { code: "train-invalid" },
      );
    tensors.push({ name: ROPE_FACTORS, dimensions: [factors.length], data: Float32Array.from(factors) });
  }
  // llama.cpp takes the number of embedding rows from the number of tokens.
  const unused = Array.from({ length: config.vocabularySize - vocabulary.tokens.length }, () => "");
  const metadata = new Map<string, GgufValue>([
    ...modelMetadata(config, name),
    ...ggufTokenizerMetadata(
      { ...vocabulary, tokens: [...vocabulary.tokens, ...unused] },
      { endOfTurn, padding, ...(chatTemplate === undefined ? {} : { chatTemplate }) },
    ),
  ]);
  await writeGguf(path, { metadata, tensors });
}

function modelMetadata(config: DecoderConfig, name: string): Map<string, GgufValue> {
  const { architecture, ropeScaling } = config;
  return new Map<string, GgufValue>([
    ["general.architecture", ggufString(architecture)],
    ["general.type", ggufString("model")],
    ["general.name", ggufString(name)],
    // All tensors F32.
    ["general.file_type", ggufUint32(0)],
    [`${architecture}.context_length`, ggufUint32(config.maxPositions)],
    [`${architecture}.embedding_length`, ggufUint32(config.hiddenSize)],
    [`${architecture}.block_count`, ggufUint32(config.layers)],
    [`${architecture}.feed_forward_length`, ggufUint32(config.intermediateSize)],
    [`${architecture}.attention.head_count`, ggufUint32(config.heads)],
    [`${architecture}.attention.head_count_kv`, ggufUint32(config.keyValueHeads)],
    [`${architecture}.attention.key_length`, ggufUint32(config.headSize)],
    [`${architecture}.attention.value_length`, ggufUint32(config.headSize)],
    [`${architecture}.attention.layer_norm_rms_epsilon`, ggufFloat32(config.rmsEpsilon)],
    [`${architecture}.rope.freq_base`, ggufFloat32(config.ropeTheta)],
    ...(ropeScaling?.type === "linear"
      ? [
          [`${architecture}.rope.scaling.type`, ggufString("linear")] as const,
          [`${architecture}.rope.scaling.factor`, ggufFloat32(ropeScaling.factor)] as const,
        ]
      : []),
  ]);
}

/** Hugging Face name to GGUF name, for every parameter. */
export function ggufTensorNames(config: DecoderConfig): Map<string, string> {
  const names = new Map([
    [EMBEDDING, "token_embd.weight"],
    [FINAL_NORM, "output_norm.weight"],
    [OUTPUT_HEAD, "output.weight"],
  ]);
  for (let layer = 0; layer < config.layers; layer++) {
    const huggingFaceNames: Readonly<Record<string, string>> = layerNames(layer);
    for (const [parameter, ggufName] of Object.entries(LAYER_TENSORS)) {
      const huggingFaceName = huggingFaceNames[parameter];
      const suffix = parameter.endsWith("Bias") ? "bias" : "weight";
      if (huggingFaceName !== undefined) names.set(huggingFaceName, `blk.${layer}.${ggufName}.${suffix}`);
    }
  }
  return names;
}
