/** Llama 2 and 3, SmolLM2, and others that call themselves `llama` (transformers, models/llama/modeling_llama.py). */
import type { Architecture } from "./architecture.ts";

export const llama = {
  name: "llama",
  className: "LlamaForCausalLM",
  attentionBias: false,
  headNorms: false,
  interleavesHeads: true,
  fixedFields: { attention_bias: false, mlp_bias: false },
} as const satisfies Architecture;
