/** Qwen3, dense: each head of queries and keys is normalised, no biases (transformers, models/qwen3/modeling_qwen3.py). */
import type { Architecture } from "./architecture.ts";

export const qwen3 = {
  name: "qwen3",
  className: "Qwen3ForCausalLM",
  attentionBias: false,
  headNorms: true,
  interleavesHeads: false,
  headSize: 128,
  fixedFields: { attention_bias: false, use_sliding_window: false },
} as const satisfies Architecture;
