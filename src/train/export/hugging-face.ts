/** Writes a folder that transformers, vLLM and SGLang load. */
import { join } from "node:path";

import { TrainError } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { encodeSafetensors } from "../../formats/safetensors.ts";
import { tokenizerFiles } from "../../tokenizer/tokenizer-files.ts";
import { architectureOf, type DecoderConfig } from "../model/config.ts";
import { checkedWeights, type ModelFiles, type ModelTokenizer } from "./model-files.ts";

/** The first release that knows Qwen3. */
const TRANSFORMERS_VERSION = "4.51.0";

/**
 * Writes model.safetensors (F32), config.json, generation_config.json, tokenizer.json and tokenizer_config.json. Each file is replaced in
 * one step, config.json last, so a folder that has it is whole.
 * @throws TrainError when weights, config and tokenizer do not belong together.
 */
export async function exportHuggingFace(folder: string, files: ModelFiles): Promise<void> {
  const { config, tokenizer } = files;
  const { endOfTurn, padding, chatTemplate } = tokenizer;
  const contents = new Map<string, string | Uint8Array>([
    ["model.safetensors", encodeSafetensors({ tensors: checkedWeights(files), metadata: { format: "pt" } })],
    ...tokenizerFiles(tokenizer.vocabulary, {
      endOfTurn,
      padding,
      contextSize: config.maxPositions,
      ...(chatTemplate === undefined ? {} : { chatTemplate }),
    }),
    ["generation_config.json", jsonFile(generationConfig(tokenizer))],
    ["config.json", jsonFile(modelConfig(config, tokenizer))],
  ]);
  for (const [name, content] of contents) await writeFileAtomic(join(folder, name), content);
}

/** config.json: the fields of transformers' configurations, in the spelling that version 4 and 5 and vLLM read. */
function modelConfig(config: DecoderConfig, tokenizer: ModelTokenizer): object {
  const { className, fixedFields } = architectureOf(config);
  const slides = "use_sliding_window" in fixedFields;
  const fields = {
    ...fixedFields,
    ...(slides ? { max_window_layers: config.layers, sliding_window: null } : {}),
    architectures: [className],
    attention_dropout: 0,
    eos_token_id: controlIndex(tokenizer, tokenizer.endOfTurn),
    head_dim: config.headSize,
    hidden_act: "silu",
    hidden_size: config.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    model_type: config.architecture,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.keyValueHeads,
    pad_token_id: controlIndex(tokenizer, tokenizer.padding),
    rms_norm_eps: config.rmsEpsilon,
    rope_scaling: ropeScalingField(config),
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tiedEmbeddings,
    torch_dtype: "float32",
    transformers_version: TRANSFORMERS_VERSION,
    use_cache: true,
    vocab_size: config.vocabularySize,
  };
  return Object.fromEntries(Object.entries(fields).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function ropeScalingField({ ropeScaling }: DecoderConfig): object | null {
  if (ropeScaling === undefined) return null;
  if (ropeScaling.type === "linear") return { factor: ropeScaling.factor, rope_type: "linear" };
  if (ropeScaling.type === "llama3")
    return {
      factor: ropeScaling.factor,
      high_freq_factor: ropeScaling.highFrequencyFactor,
      low_freq_factor: ropeScaling.lowFrequencyFactor,
      original_max_position_embeddings: ropeScaling.originalPositions,
      rope_type: "llama3",
    };
  throw new TrainError(
    "config.json cannot say the rotary factors of this model, which came from a GGUF: start from the Hugging Face folder of the model to export one.",
    { code: "train-invalid" },
  );
}

function generationConfig(tokenizer: ModelTokenizer): object {
  const padding = controlIndex(tokenizer, tokenizer.padding);
  return {
    eos_token_id: [...new Set([controlIndex(tokenizer, tokenizer.endOfTurn), padding])],
    pad_token_id: padding,
    transformers_version: TRANSFORMERS_VERSION,
  };
}

/** Id of a marker. The writer of the tokenizer's files checks that it is a control token. */
function controlIndex({ vocabulary }: ModelTokenizer, marker: string): number | undefined {
  return vocabulary.controls.find((id) => vocabulary.tokens[id] === marker);
}

function jsonFile(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
