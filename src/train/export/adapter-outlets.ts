/** How an adapter leaves a run: the files at its end, and the engine of its rollouts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Qwen3Config } from "../model/config.ts";
import type { Weights } from "../model/parameters.ts";
import type { LoraConfig } from "../model/lora-config.ts";
import type { Adapter, AdapterOutlets } from "./adapter.ts";
import { exportGguf } from "./gguf.ts";
import { exportHuggingFace } from "./hugging-face.ts";
import { GGUF_FILE } from "./llama-sampler.ts";
import { ADAPTER_GGUF, exportLoraGguf } from "./lora-gguf.ts";
import { mergedWeights } from "./merged.ts";
import type { ModelTokenizer } from "./model-files.ts";
import { exportPeft } from "./peft.ts";

/** The model that an adapter is put on. */
export interface AdapterBase {
  /** Where it was read from; PEFT looks for it there. */
  readonly source?: string;
  readonly config: Qwen3Config;
  readonly weights: Weights;
  readonly tokenizer: ModelTokenizer;
}

export interface AdapterOutletOptions extends Pick<LoraConfig, "exports"> {
  /** Name of the run. */
  readonly name: string;
  /** Tokens of a rollout's context. */
  readonly rowLength: number;
  /** Rollouts in flight. Undefined for runs without rollouts. */
  readonly concurrency?: number;
}

/** Folder of the whole model within an export: programs that find an adapter in a folder look for no model there. */
const MERGED_FOLDER = "merged";

export function adapterOutlets(base: AdapterBase, options: AdapterOutletOptions): AdapterOutlets {
  const { exports, name, rowLength, concurrency } = options;
  const exporter = async (folder: string, adapter: Adapter): Promise<void> => {
    if (exports.includes("peft")) await exportPeft(folder, base.source ?? "", adapter);
    if (exports.includes("gguf")) await exportLoraGguf(join(folder, ADAPTER_GGUF), name, adapter);
    if (exports.includes("merged")) await exportMerged(join(folder, MERGED_FOLDER), name, base, adapter);
  };
  if (concurrency === undefined) return { exporter };
  return { exporter, sampler: (adapter) => sample(base, adapter, concurrency, rowLength) };
}

async function exportMerged(
  folder: string,
  name: string,
  { config, weights, tokenizer }: AdapterBase,
  adapter: Adapter,
): Promise<void> {
  const files = { config, weights: mergedWeights(weights, adapter), tokenizer };
  await exportHuggingFace(folder, files);
  await exportGguf(join(folder, GGUF_FILE), { ...files, name });
}

/** Base and adapter in llama.cpp, from a temporary folder. */
async function sample(
  { config, weights, tokenizer }: AdapterBase,
  adapter: Adapter,
  sequences: number,
  contextSize: number,
) {
  const folder = await mkdtemp(join(tmpdir(), "splitreason-policy-"));
  try {
    const [path, lora] = [join(folder, GGUF_FILE), join(folder, ADAPTER_GGUF)];
    await exportGguf(path, { config, weights, tokenizer, name: "policy" });
    await exportLoraGguf(lora, "policy", adapter);
    const { LlamaEngine } = await import("../../engines/llama/llama-engine.ts");
    // A small file is read into memory; a mapped one stays readable after it was unlinked.
    return await LlamaEngine.load(path, { name: "policy", threads: 1, sequences, contextSize, lora });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
