/** How an adapter leaves a run: the files at its end, and the engine of its rollouts. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { given } from "../../core/given.ts";
import type { LlamaEngineOptions } from "../../engines/llama/llama-engine.ts";
import type { Turns } from "../../engines/turns.ts";
import { requantizeGguf } from "../../formats/gguf/requantize.ts";
import type { DecoderConfig } from "../model/config.ts";
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
  readonly config: DecoderConfig;
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
  /** Threads of the model that samples. Default 1. */
  readonly threads?: number;
  /** Shared with the other model of the rollouts. */
  readonly turns?: Turns;
}

/** Folder of the whole model within an export: programs that find an adapter in a folder look for no model there. */
export const MERGED_FOLDER = "merged";
const MERGED_Q8_0 = "model-q8_0.gguf";
const Q8_0_BLOCK = 32;

export function adapterOutlets(base: AdapterBase, options: AdapterOutletOptions): AdapterOutlets {
  const { exports, name, rowLength, concurrency, threads = 1, turns } = options;
  const exporter = async (folder: string, adapter: Adapter): Promise<void> => {
    if (exports.includes("peft")) await exportPeft(folder, base.source ?? "", adapter);
    if (exports.includes("gguf")) await exportLoraGguf(join(folder, ADAPTER_GGUF), name, adapter);
    if (exports.includes("merged")) await exportMerged(join(folder, MERGED_FOLDER), name, base, adapter);
  };
  if (concurrency === undefined) return { exporter };
  const engine = { sequences: concurrency, contextSize: rowLength, threads, ...given({ turns }) };
  return { exporter, sampler: (adapter) => sample(base, adapter, engine) };
}

async function exportMerged(
  folder: string,
  name: string,
  { config, weights, tokenizer }: AdapterBase,
  adapter: Adapter,
): Promise<void> {
  const files = { config, weights: mergedWeights(weights, adapter), tokenizer };
  await exportHuggingFace(folder, files);
  const exact = join(folder, "model-f32.gguf");
  await exportGguf(exact, { ...files, name });
  await requantizeGguf(exact, join(folder, GGUF_FILE), { weights: "F16" });
  if (fitsBlocks(config)) await requantizeGguf(exact, join(folder, MERGED_Q8_0), { weights: "Q8_0" });
  await rm(exact);
}

/** Whether rows of every matrix are whole blocks of Q8_0. Those of tiny models may not be. */
const fitsBlocks = ({ hiddenSize, heads, headSize, intermediateSize }: DecoderConfig): boolean =>
  [hiddenSize, heads * headSize, intermediateSize].every((columns) => columns % Q8_0_BLOCK === 0);

/** Base and adapter in llama.cpp, from a temporary folder. */
async function sample(
  { source = "", config, weights, tokenizer }: AdapterBase,
  adapter: Adapter,
  engine: LlamaEngineOptions,
) {
  const folder = await mkdtemp(join(tmpdir(), "splitreason-policy-"));
  try {
    const lora = join(folder, ADAPTER_GGUF);
    // What is trained is what is sampled: a base that came as a GGUF is that file.
    const path = source.endsWith(".gguf") ? source : join(folder, GGUF_FILE);
    if (path !== source) await exportGguf(path, { config, weights, tokenizer, name: "policy" });
    await exportLoraGguf(lora, "policy", adapter);
    const { LlamaEngine } = await import("../../engines/llama/llama-engine.ts");
    // A small file is read into memory; a mapped one stays readable after it was unlinked.
    return await LlamaEngine.load(path, { ...engine, name: "policy", lora });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
