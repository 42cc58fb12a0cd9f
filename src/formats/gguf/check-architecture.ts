/**
 * Checks a model's shape as llama.cpp demands it. Three faults make it end the process: a count is out of range, head sizes do not
 * fit, or it cannot compute with the encoding of a weight. Here each of these is an error that says so.
 */
import type { MetadataView } from "./metadata-view.ts";
import { quoted } from "./reader.ts";
import type { GgufTensorInfo } from "./types.ts";

export interface ArchitectureSummary {
  readonly architecture: string;
  readonly contextLength: number;
  readonly embeddingLength: number;
  readonly layers: number;
}

/** llama.cpp's LLAMA_MAX_LAYERS and LLAMA_MAX_EXPERTS. */
const MAX_LAYERS = 512;
const MAX_EXPERTS = 1024;
/** A length far above any model's. It keeps products of two lengths exact. */
const MAX_DIMENSION = 1 << 24;
const UNSPECIFIED_POOLING = 0xffffffff;

/** Architectures of llama.cpp that do not write text from left to right, or only together with another model. */
const NOT_FOR_TEXT = new Set([
  "bert",
  "clip",
  "dflash",
  "dream",
  "eagle3",
  "eurobert",
  "gemma-embedding",
  "gemma4-assistant",
  "jina-bert-v2",
  "jina-bert-v3",
  "llada",
  "llada-moe",
  "llama-embed",
  "modern-bert",
  "neo-bert",
  "nomic-bert",
  "nomic-bert-moe",
  "pockettts",
  "qwen3tts",
  "rnd1",
  "t5",
  "t5encoder",
  "wavtokenizer-dec",
]);

export function checkArchitecture(view: MetadataView, vocabularySize: number): ArchitectureSummary {
  const architecture = view.string("general.architecture");
  if (!/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(architecture)) {
    throw view.invalid(`"general.architecture" is ${quoted(architecture)}.`);
  }
  if (NOT_FOR_TEXT.has(architecture)) {
    throw view.invalid(`its architecture, ${architecture}, does not generate text.`);
  }
  const summary: ArchitectureSummary = {
    architecture,
    contextLength: view.uint32(`${architecture}.context_length`, { minimum: 1 }),
    embeddingLength: view.uint32(`${architecture}.embedding_length`, {
      minimum: 1,
      maximum: MAX_DIMENSION,
    }),
    layers: view.uint32(`${architecture}.block_count`, { minimum: 1, maximum: MAX_LAYERS }),
  };
  checkCommonKeys(view, summary);
  checkEncodings(view, summary.layers);
  expectTensor(view, "token_embd.weight", [summary.embeddingLength, vocabularySize]);
  if (architecture === "qwen3" || architecture === "qwen2" || architecture === "llama") {
    checkDenseDecoder(view, summary, architecture, vocabularySize);
  }
  return summary;
}

/** Checks the keys that all architectures share, and the relations that llama.cpp asserts between them. */
function checkCommonKeys(view: MetadataView, { architecture, layers }: ArchitectureSummary): void {
  const key = (name: string) => `${architecture}.${name}`;
  const heads = view.optionalPerLayer(key("attention.head_count"), layers, { maximum: MAX_DIMENSION });
  const headsOfKeys = view.optionalPerLayer(key("attention.head_count_kv"), layers, {
    maximum: MAX_DIMENSION,
  });
  for (const [layer, count] of (heads ?? []).entries()) {
    const shared = headsOfKeys?.[layer] ?? count;
    if (count > 0 && shared > 0 && count % shared !== 0) {
      throw view.invalid(`${count} attention heads cannot share ${shared} key-value heads (layer ${layer}).`);
    }
  }
  view.optionalPerLayer(key("feed_forward_length"), layers, { maximum: MAX_DIMENSION });
  view.optionalUint32(key("nextn_predict_layers"), { maximum: layers - 1 });

  if (view.optionalBool(key("attention.causal")) === false) {
    throw view.invalid("its attention is not causal: it does not generate text.");
  }
  const pooling = view.optionalUint32(key("pooling_type")) ?? 0;
  if (pooling !== 0 && pooling !== UNSPECIFIED_POOLING) {
    throw view.invalid(`its pooling type is ${pooling}: it makes embeddings, not text.`);
  }

  const experts = view.optionalUint32(key("expert_count"), { maximum: MAX_EXPERTS }) ?? 0;
  const used = Math.max(0, ...(view.optionalPerLayer(key("expert_used_count"), layers) ?? []));
  const groups = view.optionalUint32(key("expert_group_count")) ?? 0;
  const groupsUsed = view.optionalUint32(key("expert_group_used_count")) ?? 0;
  const areExpertsSound =
    experts === 0
      ? used === 0 && groups === 0
      : used > 0 &&
        used <= experts &&
        groups < experts &&
        (groups <= 1 || (experts % groups === 0 && groupsUsed > 0 && groupsUsed < groups));
  if (!areExpertsSound) {
    throw view.invalid(
      `${used} of ${experts} experts in ${groups} groups (${groupsUsed} used) is not possible.`,
    );
  }

  const scaling = view.optionalString(key("rope.scaling.type"));
  if (scaling !== undefined && !["none", "linear", "yarn", "longrope"].includes(scaling)) {
    throw view.invalid(
      `the RoPE scaling type is ${quoted(scaling)}; none, linear, yarn and longrope are known.`,
    );
  }
  for (const [name, value] of view.file.metadata) {
    if (!name.startsWith(`${architecture}.`) || value.type === "array" || value.type === "string") continue;
    if (typeof value.value === "number" && !Number.isFinite(value.value)) {
      throw view.invalid(`${quoted(name)} is ${value.value}.`);
    }
  }
  for (const name of ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "rope.freq_base"]) {
    view.optionalFloat32(key(name));
  }
}

/** Checks encodings. Vectors (norms, biases) are added or multiplied in F32; matrices need an encoding with a dot product. */
function checkEncodings(view: MetadataView, layers: number): void {
  for (const tensor of view.file.tensors.values()) {
    const layer = /^blk\.(\d+)\./.exec(tensor.name)?.[1];
    if (layer !== undefined && Number(layer) >= layers) {
      throw view.invalid(
        `tensor ${quoted(tensor.name)} belongs to a layer beyond the ${layers} of the model.`,
      );
    }
    if (!tensor.encoding.isWeight) {
      throw view.invalid(
        `tensor ${quoted(tensor.name)} is encoded as ${tensor.encoding.name}, which no weight can be.`,
      );
    }
    if (isVector(tensor) && /(?:norm\.weight|\.bias|rope_freqs\.weight)$/.test(tensor.name))
      expectF32(view, tensor);
  }
}

const isVector = (tensor: GgufTensorInfo) => tensor.dimensions.slice(1).every((dimension) => dimension === 1);

function expectF32(view: MetadataView, tensor: GgufTensorInfo): void {
  if (tensor.encoding.name !== "F32") {
    throw view.invalid(`tensor ${quoted(tensor.name)} is encoded as ${tensor.encoding.name}, not as F32.`);
  }
}

/** Checks the Llama family exactly: every tensor that llama.cpp asks for, with its shape. */
function checkDenseDecoder(
  view: MetadataView,
  { embeddingLength, layers }: ArchitectureSummary,
  architecture: "qwen3" | "qwen2" | "llama",
  vocabularySize: number,
): void {
  const key = (name: string) => `${architecture}.${name}`;
  const heads = view.perLayer(key("attention.head_count"), layers, { minimum: 1 });
  const headsOfKeys = view.optionalPerLayer(key("attention.head_count_kv"), layers, { minimum: 1 }) ?? heads;
  const feedForward = view.perLayer(key("feed_forward_length"), layers, { minimum: 1 });
  view.float32(key("attention.layer_norm_rms_epsilon"));
  if (view.optionalFloat32(key("rope.freq_base")) === 0) throw view.invalid("the RoPE base is 0.");
  view.optionalUint32(key("nextn_predict_layers"), { maximum: 0 });

  const firstHeads = heads[0] ?? 1;
  const keyLength =
    view.optionalUint32(key("attention.key_length")) ?? Math.floor(embeddingLength / firstHeads);
  const valueLength =
    view.optionalUint32(key("attention.value_length")) ?? Math.floor(embeddingLength / firstHeads);
  const rotated = view.optionalUint32(key("rope.dimension_count")) ?? keyLength;
  if (keyLength === 0 || keyLength % 2 !== 0 || valueLength !== keyLength || rotated !== keyLength) {
    throw view.invalid(
      `its heads have ${keyLength} key, ${valueLength} value and ${rotated} rotated dimensions; ` +
        `they must be equal and even (embedding ${embeddingLength}, heads ${firstHeads}).`,
    );
  }
  const experts = view.optionalUint32(key("expert_count")) ?? 0;
  if (experts > 0 && architecture !== "llama")
    throw view.invalid(`${architecture} has no experts, ${experts} declared.`);

  expectVector(view, "output_norm.weight", embeddingLength);
  if (view.file.tensors.has("output.weight")) {
    expectTensor(view, "output.weight", [embeddingLength, vocabularySize]);
  }
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string) => `blk.${layer}.${part}`;
    const query = keyLength * (heads[layer] ?? 0);
    const shared = keyLength * (headsOfKeys[layer] ?? 0);
    expectVector(view, name("attn_norm.weight"), embeddingLength);
    expectVector(view, name("ffn_norm.weight"), embeddingLength);
    if (view.file.tensors.has(name("attn_qkv.weight"))) {
      expectTensor(view, name("attn_qkv.weight"), [embeddingLength, query + 2 * shared]);
    } else {
      expectTensor(view, name("attn_q.weight"), [embeddingLength, query]);
      expectTensor(view, name("attn_k.weight"), [embeddingLength, shared]);
      expectTensor(view, name("attn_v.weight"), [embeddingLength, shared]);
    }
    expectTensor(view, name("attn_output.weight"), [query, embeddingLength]);
    for (const [part, length] of [
      ["attn_qkv.bias", query + 2 * shared],
      ["attn_q.bias", query],
      ["attn_k.bias", shared],
      ["attn_v.bias", shared],
      ["attn_output.bias", embeddingLength],
    ] as const) {
      if (view.file.tensors.has(name(part))) expectVector(view, name(part), length);
    }
    if (architecture === "qwen3") {
      expectVector(view, name("attn_q_norm.weight"), keyLength);
      expectVector(view, name("attn_k_norm.weight"), keyLength);
    }
    const width = feedForward[layer] ?? 0;
    if (experts > 0) {
      expectTensor(view, name("ffn_gate_inp.weight"), [embeddingLength, experts]);
      expectTensor(view, name("ffn_down_exps.weight"), [width, embeddingLength, experts]);
      expectTensor(view, name("ffn_up_exps.weight"), [embeddingLength, width, experts]);
      continue;
    }
    expectTensor(view, name("ffn_gate.weight"), [embeddingLength, width]);
    expectTensor(view, name("ffn_up.weight"), [embeddingLength, width]);
    expectTensor(view, name("ffn_down.weight"), [width, embeddingLength]);
  }
}

function expectVector(view: MetadataView, name: string, length: number): void {
  expectF32(view, expectTensor(view, name, [length]));
}

function expectTensor(view: MetadataView, name: string, shape: readonly number[]): GgufTensorInfo {
  const tensor = view.file.tensors.get(name);
  if (tensor === undefined) throw view.invalid(`the tensor ${quoted(name)} is missing.`);
  const axes = Math.max(shape.length, tensor.dimensions.length);
  for (let axis = 0; axis < axes; axis++) {
    if ((tensor.dimensions[axis] ?? 1) !== (shape[axis] ?? 1)) {
      throw view.invalid(
        `the tensor ${quoted(name)} has dimensions [${tensor.dimensions.join(", ")}], not [${shape.join(", ")}].`,
      );
    }
  }
  return tensor;
}
