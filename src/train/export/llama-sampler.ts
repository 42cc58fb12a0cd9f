/** The policy model in llama.cpp, for rollouts: written as a GGUF to a temporary folder and loaded from there. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { LlamaEngineOptions } from "../../engines/llama/llama-engine.ts";
import { exportGguf } from "./gguf.ts";
import type { ModelTokenizer, SamplerFactory } from "./model-files.ts";

export const GGUF_FILE = "model.gguf";

export function llamaSampler(tokenizer: ModelTokenizer, options: LlamaEngineOptions): SamplerFactory {
  return async (config, weights) => {
    const folder = await mkdtemp(join(tmpdir(), "splitreason-policy-"));
    try {
      const path = join(folder, GGUF_FILE);
      await exportGguf(path, { config, weights, tokenizer, name: "policy" });
      const { LlamaEngine } = await import("../../engines/llama/llama-engine.ts");
      // A small file is read into memory; a mapped one stays readable after it was unlinked.
      return await LlamaEngine.load(path, { name: "policy", ...options });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}
