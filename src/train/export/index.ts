/**
 * Models to and from files that other programs read: Hugging Face folders (transformers, vLLM) and GGUF (llama.cpp). Only dense
 * Qwen3; checkpoints of a training run are the trainer's own affair.
 */
import { join } from "node:path";

import type { Exporter } from "../trainers/embedded/embedded-trainer.ts";
import { exportGguf } from "./gguf.ts";
import { exportHuggingFace } from "./hugging-face.ts";
import type { ModelTokenizer } from "./model-files.ts";

export { exportGguf } from "./gguf.ts";
export { importHuggingFace, type ImportedModel } from "./import-hugging-face.ts";
export { copyWithTags } from "./tagged-copy.ts";
export { type ModelTokenizer } from "./model-files.ts";

export const GGUF_FILE = "model.gguf";

/** What {@link EmbeddedTrainer} calls in `export`: a Hugging Face folder with model.gguf in it. `name` is the GGUF's own. */
export function modelExporter(tokenizer: ModelTokenizer, name: string): Exporter {
  return async (folder, config, weights) => {
    await exportHuggingFace(folder, { config, weights, tokenizer });
    await exportGguf(join(folder, GGUF_FILE), { config, weights, tokenizer, name });
  };
}
