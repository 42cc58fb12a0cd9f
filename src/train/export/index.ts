/**
 * Models to and from files that other programs read: Hugging Face folders (transformers, vLLM) and GGUF (llama.cpp). Dense decoders of the Llama family.
 * Checkpoints of a training run are not here: each trainer has its own. Trainers, recipes and the command line call this.
 */
import { join } from "node:path";

import { exportGguf } from "./gguf.ts";
import { exportHuggingFace } from "./hugging-face.ts";
import { GGUF_FILE, llamaSampler } from "./llama-sampler.ts";
import type { Exporter, ModelTokenizer, SamplerFactory } from "./model-files.ts";

export { importGguf } from "./import-gguf.ts";
export { importHuggingFace, type ImportedModel } from "./import-hugging-face.ts";
export { GGUF_FILE } from "./llama-sampler.ts";
export type { Exporter, ModelTokenizer, SamplerFactory } from "./model-files.ts";
export { type Adapter, type AdapterOutlets, fingerprintOf } from "./adapter.ts";
export { adapterOutlets, MERGED_FOLDER } from "./adapter-outlets.ts";
export { ADAPTER_GGUF } from "./lora-gguf.ts";
export { importPeft } from "./peft.ts";
export { copyWithTags } from "./tagged-copy.ts";

/** How a trainer's model leaves it. */
export interface ModelOutlets {
  readonly exporter: Exporter;
  /** Absent in runs without rollouts. */
  readonly sampler?: SamplerFactory;
}

/** The outlets that a run asks for: exports, and rollouts in llama.cpp. */
export function modelOutlets(
  tokenizer: ModelTokenizer,
  {
    name,
    rowLength,
    concurrency,
  }: { readonly name: string; readonly rowLength: number; readonly concurrency?: number },
): ModelOutlets {
  const exporter = modelExporter(tokenizer, name);
  if (concurrency === undefined) return { exporter };
  const sampler = llamaSampler(tokenizer, { threads: 1, sequences: concurrency, contextSize: rowLength });
  return { exporter, sampler };
}

/** Writes a Hugging Face folder with model.gguf in it. `name` goes into the GGUF. */
export function modelExporter(tokenizer: ModelTokenizer, name: string): Exporter {
  return async (folder, config, weights) => {
    await exportHuggingFace(folder, { config, weights, tokenizer });
    await exportGguf(join(folder, GGUF_FILE), { config, weights, tokenizer, name });
  };
}
