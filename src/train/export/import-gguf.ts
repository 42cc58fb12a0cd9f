/**
 * Reads a GGUF of a dense decoder for training: every tensor is dequantised to float32. So what is trained over is what is
 * sampled from the same file, up to the rounding of llama.cpp's activations.
 */
import { DataError } from "../../core/errors.ts";
import { checkGguf, type GgufSummary } from "../../formats/gguf/index.ts";
import { MetadataView } from "../../formats/gguf/metadata-view.ts";
import { readGguf } from "../../formats/gguf/reader.ts";
import type { GgufFile } from "../../formats/gguf/types.ts";
import { readTensorValues } from "../../formats/gguf/tensor-data.ts";
import { ByteLevelTokenizer, ggufVocabulary, type LoadedTokenizer } from "../../tokenizer/index.ts";
import { ARCHITECTURE_NAMES, isArchitectureName } from "../model/architectures/index.ts";
import { parseDecoderConfig, type DecoderConfig } from "../model/config.ts";
import { parameterSpecs, type Weights } from "../model/parameters.ts";
import type { RopeScaling } from "../model/rotary.ts";
import { ggufTensorNames, ROPE_FACTORS } from "./gguf.ts";
import { fromGgufRows, interleavedHeads } from "./gguf-heads.ts";
import type { ImportedModel } from "./import-hugging-face.ts";
import { requireMemory } from "./memory.ts";

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
  requireMemory(path, summary.parameters);
  const file = readGguf(path);
  const names = ggufTensorNames(config);
  const heads = interleavedHeads(config);
  const weights: Weights = new Map(
    parameterSpecs(config).map(({ name, shape }) => {
      const tensor = file.tensors.get(names.get(name) ?? name);
      if (tensor === undefined) throw invalid(`the tensor ${names.get(name)} is missing.`);
      if (tensor.dimensions.toReversed().join() !== shape.join()) {
        throw invalid(
          `the tensor ${tensor.name} has dimensions [${tensor.dimensions.join(", ")}], not [${shape.toReversed().join(", ")}].`,
        );
      }
      const data = fromGgufRows(readTensorValues(path, tensor), shape[1] ?? 1, heads.get(name));
      return [name, { shape, data }];
    }),
  );
  return { config, weights, tokenizer: tokenizerOf(summary) };
}

function configOf(path: string, summary: GgufSummary, invalid: (what: string) => DataError): DecoderConfig {
  const { architecture, embeddingLength, layers, contextLength } = summary;
  if (!isArchitectureName(architecture))
    throw invalid(`its architecture is ${architecture}; ${ARCHITECTURE_NAMES.join(", ")} can be trained.`);
  const file = readGguf(path);
  const view = new MetadataView(file);
  if (view.has("split.count")) throw invalid("it is one part of a split model: join the parts first.");
  const key = (name: string) => `${architecture}.${name}`;
  const heads = view.uint32(key("attention.head_count"));
  return parseDecoderConfig({
    architecture,
    vocabularySize: summary.tokenizer.tokens.length,
    hiddenSize: embeddingLength,
    layers,
    heads,
    keyValueHeads: view.optionalUint32(key("attention.head_count_kv")) ?? heads,
    headSize: view.optionalUint32(key("attention.key_length")) ?? embeddingLength / heads,
    intermediateSize: view.uint32(key("feed_forward_length")),
    ropeTheta: view.optionalFloat32(key("rope.freq_base")) ?? 10_000,
    ...ropeScalingOf(path, file, architecture, invalid),
    rmsEpsilon: view.float32(key("attention.layer_norm_rms_epsilon")),
    tiedEmbeddings: !file.tensors.has("output.weight"),
    maxPositions: contextLength,
  });
}

function ropeScalingOf(
  path: string,
  file: GgufFile,
  architecture: string,
  invalid: (what: string) => DataError,
): { readonly ropeScaling?: RopeScaling } {
  const view = new MetadataView(file);
  const type = view.optionalString(`${architecture}.rope.scaling.type`) ?? "none";
  if (type === "linear")
    return { ropeScaling: { type, factor: view.float32(`${architecture}.rope.scaling.factor`) } };
  if (type !== "none")
    throw invalid(`its rotary embedding is scaled by ${type}; linear and Llama 3's are computed.`);
  const factors = file.tensors.get(ROPE_FACTORS);
  return factors === undefined
    ? {}
    : { ropeScaling: { type: "factors", factors: [...readTensorValues(path, factors)] } };
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
