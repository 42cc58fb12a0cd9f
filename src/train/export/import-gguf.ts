/**
 * Reads a GGUF of a dense Qwen2 or Qwen3 model for training: every tensor is dequantised to float32. So what is trained over is what is
 * sampled from the same file, up to the rounding of llama.cpp's activations.
 */
import { DataError } from "../../core/errors.ts";
import { checkGguf, type GgufSummary } from "../../formats/gguf/index.ts";
import { MetadataView } from "../../formats/gguf/metadata-view.ts";
import { readGguf } from "../../formats/gguf/reader.ts";
import { readTensorValues } from "../../formats/gguf/tensor-data.ts";
import { ByteLevelTokenizer, ggufVocabulary, type LoadedTokenizer } from "../../tokenizer/index.ts";
import { parseQwen3Config, type Qwen3Config } from "../model/config.ts";
import { parameterSpecs, type Weights } from "../model/parameters.ts";
import { ggufTensorNames } from "./gguf.ts";
import type { ImportedModel } from "./import-hugging-face.ts";

/** Bytes of a weight in memory. */
const FLOAT_BYTES = 4;

/**
 * Reads config, weights and tokenizer.
 * @throws DataError when the file is broken, of another architecture, split, too large for the memory that is free, or has a type that
 * cannot be dequantised.
 */
export function importGguf(path: string): ImportedModel {
  const summary = checkGguf(path);
  const invalid = (what: string): DataError =>
    new DataError(`${path} cannot be trained here: ${what}`, { code: "file-invalid" });
  const config = configOf(path, summary, invalid);
  const needed = summary.parameters * FLOAT_BYTES;
  const available = process.availableMemory();
  if (needed > available) {
    const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
    throw invalid(
      `its weights take ${gigabytes(needed)} in float32, and ${gigabytes(available)} of memory are free.`,
    );
  }
  const file = readGguf(path);
  const names = ggufTensorNames(config);
  const weights: Weights = new Map(
    parameterSpecs(config).map(({ name, shape }) => {
      const tensor = file.tensors.get(names.get(name) ?? name);
      if (tensor === undefined) throw invalid(`the tensor ${names.get(name)} is missing.`);
      if (tensor.dimensions.toReversed().join() !== shape.join()) {
        throw invalid(
          `the tensor ${tensor.name} has dimensions [${tensor.dimensions.join(", ")}], not [${shape.toReversed().join(", ")}].`,
        );
      }
      return [name, { shape, data: readTensorValues(path, tensor) }];
    }),
  );
  return { config, weights, tokenizer: tokenizerOf(summary) };
}

function configOf(path: string, summary: GgufSummary, invalid: (what: string) => DataError): Qwen3Config {
  const { architecture, embeddingLength, layers, contextLength } = summary;
  if (architecture !== "qwen2" && architecture !== "qwen3")
    throw invalid(`its architecture is ${architecture}; qwen2 and qwen3 can be trained.`);
  const file = readGguf(path);
  const view = new MetadataView(file);
  if (view.has("split.count")) throw invalid("it is one part of a split model: join the parts first.");
  const key = (name: string) => `${architecture}.${name}`;
  const scaling = view.optionalString(key("rope.scaling.type")) ?? "none";
  if (scaling !== "none") throw invalid(`its rotary embedding is scaled (${scaling}).`);
  const heads = view.uint32(key("attention.head_count"));
  return parseQwen3Config({
    vocabularySize: summary.tokenizer.tokens.length,
    hiddenSize: embeddingLength,
    layers,
    heads,
    keyValueHeads: view.optionalUint32(key("attention.head_count_kv")) ?? heads,
    headSize: view.optionalUint32(key("attention.key_length")) ?? embeddingLength / heads,
    intermediateSize: view.uint32(key("feed_forward_length")),
    attentionBias: architecture === "qwen2",
    headNorms: architecture === "qwen3",
    ropeTheta: view.optionalFloat32(key("rope.freq_base")) ?? 10_000,
    rmsEpsilon: view.float32(key("attention.layer_norm_rms_epsilon")),
    tiedEmbeddings: !file.tensors.has("output.weight"),
    maxPositions: contextLength,
  });
}

function tokenizerOf({ metadata, tokenizer }: GgufSummary): LoadedTokenizer | undefined {
  const vocabulary = ggufVocabulary(metadata);
  if (vocabulary === undefined) return undefined;
  const markerOf = (key: string): string | undefined => {
    const id = metadata.get(key);
    return id?.type === "uint32" ? vocabulary.tokens[id.value] : undefined;
  };
  const endOfTurn = markerOf("tokenizer.ggml.eos_token_id");
  return {
    tokenizer: new ByteLevelTokenizer(vocabulary, endOfTurn === undefined ? {} : { endOfTurn }),
    chatTemplate: tokenizer.chatTemplate,
    beginOfText: markerOf("tokenizer.ggml.bos_token_id"),
    endOfTurn,
  };
}
