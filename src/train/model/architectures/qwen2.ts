/** Qwen2 and Qwen2.5: biases on queries, keys and values (transformers, models/qwen2/modeling_qwen2.py). */
import type { Architecture } from "./architecture.ts";

export const qwen2 = {
  name: "qwen2",
  className: "Qwen2ForCausalLM",
  attentionBias: true,
  headNorms: false,
  interleavesHeads: false,
  fixedFields: { use_sliding_window: false },
} as const satisfies Architecture;
