/** Damaged and hostile variants of a sound GGUF file, deterministic by seed. */
import type { Rng } from "../../src/core/rng.ts";
import {
  encodeGguf,
  ggufBool,
  ggufFloat32,
  ggufString,
  ggufStrings,
  ggufUint32,
  type GgufTensor,
  type GgufValue,
} from "../../src/formats/gguf/index.ts";

export interface MutableContent {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly tensors: readonly GgufTensor[];
}

const NUMBERS = [
  0,
  1,
  2,
  3,
  7,
  8,
  15,
  16,
  17,
  31,
  33,
  64,
  255,
  256,
  65_535,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
const FLOATS = [0, -1, 1e-45, 1e30, Number.NaN, Infinity, -Infinity, 0.5];
/** Keys that llama.cpp reads for any architecture, besides those a sound file has. */
const EXTRA_KEYS = [
  "attention.key_length",
  "attention.value_length",
  "attention.key_length_swa",
  "attention.value_length_swa",
  "attention.sliding_window",
  "attention.sliding_window_pattern",
  "attention.causal",
  "attention.scale",
  "attention.clamp_kqv",
  "attention.max_alibi_bias",
  "attention.layer_norm_epsilon",
  "attention.group_norm_groups",
  "attention.relative_buckets_count",
  "attention.q_lora_rank",
  "attention.kv_lora_rank",
  "attention.output_scale",
  "attention.temperature_length",
  "attention.indexer.head_count",
  "rope.dimension_count",
  "rope.dimension_count_swa",
  "rope.dimension_sections",
  "rope.freq_base_swa",
  "rope.scale_linear",
  "rope.scaling.type",
  "rope.scaling.factor",
  "rope.scaling.attn_factor",
  "rope.scaling.alpha",
  "rope.scaling.original_context_length",
  "rope.scaling.finetuned",
  "rope.scaling.yarn_log_multiplier",
  "rope.scaling.yarn_ext_factor",
  "rope.scaling.yarn_beta_fast",
  "expert_count",
  "expert_used_count",
  "expert_group_count",
  "expert_group_used_count",
  "expert_feed_forward_length",
  "expert_shared_feed_forward_length",
  "expert_weights_scale",
  "nextn_predict_layers",
  "pooling_type",
  "logit_scale",
  "residual_scale",
  "embedding_scale",
  "final_logit_softcapping",
  "embedding_length_out",
  "embedding_length_per_layer_input",
  "vocab_size",
  "leading_dense_block_count",
  "use_parallel_residual",
  "classifier.output_labels",
  "ssm.conv_kernel",
  "ssm.inner_size",
  "n_deepstack_layers",
];
const EXTRA_GLOBAL_KEYS = [
  "general.alignment",
  "general.file_type",
  "general.type",
  "general.quantization_version",
  "split.count",
  "split.no",
  "tokenizer.ggml.bos_token_id",
  "tokenizer.ggml.eot_token_id",
  "tokenizer.ggml.unknown_token_id",
  "tokenizer.ggml.add_eos_token",
  "tokenizer.ggml.add_sep_token",
  "tokenizer.ggml.add_space_prefix",
  "tokenizer.ggml.remove_extra_whitespaces",
  "tokenizer.ggml.precompiled_charsmap",
  "tokenizer.ggml.suppress_tokens",
  "tokenizer.ggml.scores",
  "tokenizer.ggml.token_type_count",
  "tokenizer.ggml.fim_pre_token_id",
  "tokenizer.chat_template",
];
const WORDS = [
  "",
  "none",
  "linear",
  "yarn",
  "longrope",
  "dynamic",
  "qwen2",
  "llama",
  "gpt2",
  "default",
  "llama-bpe",
  "\u0000",
  "x".repeat(300),
];

/** Changes, drops or adds one to three values, tensors or shapes, and writes the whole as a well-formed file. */
export function mutateContent(content: MutableContent, rng: Rng): Uint8Array {
  const metadata: Record<string, GgufValue> = { ...content.metadata };
  let tensors = [...content.tensors];
  const architecture = content.metadata["general.architecture"];
  const prefix = architecture?.type === "string" ? architecture.value : "llama";
  for (let change = rng.integer(1, 3); change > 0; change--) {
    const kind = rng.integer(0, 9);
    const key = rng.pick(Object.keys(metadata));
    if (kind <= 2) metadata[key] = changed(metadata[key]!, rng);
    else if (kind === 3) delete metadata[key];
    else if (kind <= 6) {
      const added = rng.next() < 0.75 ? `${prefix}.${rng.pick(EXTRA_KEYS)}` : rng.pick(EXTRA_GLOBAL_KEYS);
      metadata[added] = anyValue(rng);
    } else if (kind === 7) tensors = tensors.filter((tensor) => tensor !== rng.pick(tensors));
    else if (kind === 8) {
      const index = rng.integer(0, tensors.length - 1);
      tensors[index] = reshaped(tensors[index]!, rng);
    } else {
      const [first, second] = [rng.integer(0, tensors.length - 1), rng.integer(0, tensors.length - 1)];
      const held = tensors[first]!;
      tensors[first] = { ...tensors[second]!, name: held.name };
    }
  }
  return encodeGguf({ metadata, tensors });
}

function changed(value: GgufValue, rng: Rng): GgufValue {
  if (value.type === "uint32") {
    const next = rng.next() < 0.5 ? value.value + rng.integer(-2, 2) : rng.pick(NUMBERS);
    return ggufUint32(Math.max(0, Math.min(2 ** 32 - 1, next)));
  }
  if (value.type === "float32") return ggufFloat32(rng.pick(FLOATS));
  if (value.type === "bool") return ggufBool(!value.value);
  if (value.type === "string") return ggufString(rng.pick(WORDS));
  if (value.type === "array" && value.of === "string") {
    const values = [...value.values];
    const index = rng.integer(0, Math.max(0, values.length - 1));
    if (rng.next() < 0.3) values.splice(index, 1);
    else if (rng.next() < 0.5 && values.length > 0)
      values[index] = values[rng.integer(0, values.length - 1)]!;
    else values[index] = rng.pick([...WORDS, "a b", "<0x0A>", "▁a", "\u{1F30D}", "<|endoftext|>x", "unused"]);
    return ggufStrings(values);
  }
  if (value.type === "array" && value.of === "int32") {
    const values = [...value.values];
    values[rng.integer(0, values.length - 1)] = rng.pick([-1, 0, 1, 2, 3, 4, 5, 6, 99]);
    return { ...value, values };
  }
  return anyValue(rng);
}

function anyValue(rng: Rng): GgufValue {
  const kind = rng.integer(0, 9);
  if (kind <= 4) return ggufUint32(rng.pick(NUMBERS));
  if (kind === 5) return ggufFloat32(rng.pick(FLOATS));
  if (kind === 6) return ggufBool(rng.next() < 0.5);
  if (kind === 7) return ggufString(rng.pick(WORDS));
  if (kind === 8) return { type: "array", of: "uint32", values: [rng.pick(NUMBERS), rng.pick(NUMBERS)] };
  return { type: "array", of: "float32", values: [rng.pick(FLOATS)] };
}

function reshaped(tensor: GgufTensor, rng: Rng): GgufTensor {
  const dimensions = [...tensor.dimensions];
  const kind = rng.integer(0, 2);
  if (kind === 0) dimensions.reverse();
  else if (kind === 1) dimensions.push(1);
  else dimensions[rng.integer(0, dimensions.length - 1)] = rng.pick([1, 2, 16, 31, 33, 64]);
  const count = dimensions.reduce((product, size) => product * size, 1);
  const data = new Float32Array(count);
  data.set(tensor.data.subarray(0, count));
  return { ...tensor, dimensions, data };
}

/** Flips, overwrites, copies or cuts off bytes, most of them in the first `headerBytes`. */
export function mutateBytes(bytes: Uint8Array, headerBytes: number, rng: Rng): Uint8Array {
  const mutated = Uint8Array.from(bytes);
  const view = new DataView(mutated.buffer);
  for (let change = rng.integer(1, 3); change > 0; change--) {
    const end = rng.next() < 0.9 ? headerBytes : mutated.length;
    const at = rng.integer(0, end - 9);
    switch (rng.integer(0, 5)) {
      case 0:
        mutated[at] = (mutated[at] ?? 0) ^ (1 << rng.integer(0, 7));
        break;
      case 1:
        mutated[at] = rng.pick([0, 1, 2, 9, 127, 128, 255]);
        break;
      case 2:
        view.setUint32(at, rng.pick(NUMBERS), true);
        break;
      case 3:
        view.setBigUint64(at, BigInt(rng.pick(NUMBERS)) << BigInt(rng.pick([0, 0, 16, 32])), true);
        break;
      case 4:
        mutated.copyWithin(at, rng.integer(0, end - 33), rng.integer(1, 32) + at);
        break;
      default:
        if (rng.next() < 0.2) return mutated.subarray(0, rng.integer(0, mutated.length));
        mutated[at] = rng.integer(0, 255);
    }
  }
  return mutated;
}
