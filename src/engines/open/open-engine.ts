/** Opens the engine that a spec names. This room stands above all kinds of engines; nothing in them imports it. */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ConfigError, DataError, EngineError, errorMessage } from "../../core/errors.ts";
import { given } from "../../core/given.ts";
import { modelId, type VocabularyId } from "../../core/ids.ts";
import { checkGguf } from "../../formats/gguf/index.ts";
import { throwIfAborted } from "../cancellation.ts";
import type { Engine } from "../engine.ts";
import type { LlamaEngineOptions } from "../llama/llama-engine.ts";
import { vocabularyOf } from "../llama/llama-tokenizer.ts";
import { type EmbeddedSpec, parseEngineSpec } from "./spec.ts";

export interface OpenEngineOptions extends Omit<LlamaEngineOptions, "name" | "lora"> {
  /** Folder of `gguf:hf:` models. Default `~/.cache/splitreason/models`. */
  readonly modelsFolder?: string;
  /**
   * The check before loading. `header` (the default): the header, and the weights of small files. `child-process`: the file is also
   * loaded once in another process, so that nothing in it can end this one. Use that for files from people you do not trust. It
   * starts llama.cpp once more, which takes about a second, and reads a large model twice.
   */
  readonly verify?: "header" | "child-process";
  /** Texts that may be control tokens. A server whose vocabulary is not known is asked about them. */
  readonly markers?: readonly string[];
}

/**
 * Opens an engine.
 * @param spec See {@link parseEngineSpec}.
 * @param options A model on a server uses `contextSize` and `markers` only.
 * @throws ConfigError for a wrong spec; DataError for a file that is missing or broken; EngineError if the model cannot be loaded
 * or no server answers.
 */
export async function openEngine(
  spec: string,
  options: OpenEngineOptions = {},
  signal?: AbortSignal,
): Promise<Engine> {
  const { modelsFolder = defaultModelsFolder(), verify = "header", markers, ...llamaOptions } = options;
  const parsed = parseEngineSpec(spec);
  throwIfAborted(modelId(spec), signal);
  if (parsed.kind === "http") {
    const { contextSize } = llamaOptions;
    const { openHttpEngine } = await import("../http/open-http-engine.ts");
    return openHttpEngine(parsed, given({ contextSize, markers }), signal);
  }
  const path = await modelPath(spec, parsed, modelsFolder, signal);
  // The library takes half a second to load. A program that opens no model does not wait for it.
  if (verify === "child-process") await (await import("../llama/trial-load.ts")).trialLoad(path, signal);
  const { LlamaEngine } = await import("../llama/llama-engine.ts");
  const lora = parsed.lora === undefined ? {} : { lora: existingAdapter(spec, parsed.lora) };
  return LlamaEngine.load(path, { ...llamaOptions, ...lora, name: spec }, signal);
}

/**
 * SHA-256 (hexadecimal) of the model file that a spec names, and of the adapter's file after it. Undefined if the model is not on this machine.
 */
export async function modelFileDigest(spec: string): Promise<string | undefined> {
  const path = localModelFile(spec);
  if (path === undefined) return undefined;
  const adapter = localAdapterFile(spec);
  const hash = createHash("sha256");
  for (const file of adapter === undefined ? [path] : [path, adapter]) {
    try {
      for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
    } catch (error) {
      throw new DataError(`cannot read ${file}: ${errorMessage(error)}`, {
        code: "file-unreadable",
        cause: error,
      });
    }
  }
  return hash.digest("hex");
}

/**
 * The model file that a spec names, or undefined if the model is not on this machine.
 * @throws ConfigError for a wrong spec, DataError if the file is missing.
 */
export function localModelFile(spec: string): string | undefined {
  const parsed = parseEngineSpec(spec);
  return parsed.kind === "gguf-hf" || parsed.kind === "http" ? undefined : localPath(spec, parsed);
}

/**
 * The adapter's file that a spec names, or undefined if it names none.
 * @throws ConfigError for a wrong spec, DataError if the file is missing.
 */
export function localAdapterFile(spec: string): string | undefined {
  const parsed = parseEngineSpec(spec);
  return parsed.kind === "http" || parsed.lora === undefined ? undefined : existingAdapter(spec, parsed.lora);
}

function existingAdapter(spec: string, path: string): string {
  if (existsSync(path)) return path;
  throw new DataError(`${spec}: there is no adapter file ${path}.`, { code: "file-missing" });
}

/**
 * The identity of a model's vocabulary, from the header of its file; undefined if the model is not on this machine.
 * @throws ConfigError for a wrong spec, DataError for a file that is missing or broken.
 */
export function vocabularyOfModel(spec: string): VocabularyId | undefined {
  const path = localModelFile(spec);
  return path === undefined ? undefined : vocabularyOf(checkGguf(path));
}

const defaultModelsFolder = () => join(homedir(), ".cache", "splitreason", "models");

/** The folder of this package, from `src/engines/open` as from `dist/engines/open`. */
const packageFolder = fileURLToPath(new URL("../../..", import.meta.url));

async function modelPath(
  spec: string,
  parsed: EmbeddedSpec,
  modelsFolder: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  if (parsed.kind !== "gguf-hf") return localPath(spec, parsed);
  try {
    const { downloadModel } = await import("../llama/download.ts");
    return await downloadModel(parsed.repository, parsed.quantization, modelsFolder, signal);
  } catch (error) {
    throwIfAborted(modelId(spec), signal);
    throw new EngineError(`${spec}: the model cannot be downloaded: ${errorMessage(error)}`, {
      code: "engine-unavailable",
      retryable: true,
      cause: error,
    });
  }
}

function localPath(spec: string, parsed: Exclude<EmbeddedSpec, { readonly kind: "gguf-hf" }>): string {
  const path =
    parsed.kind === "micro" ? join(packageFolder, "models", "micro", parsed.name, "model.gguf") : parsed.path;
  if (existsSync(path)) return path;
  if (parsed.kind === "gguf") {
    throw new DataError(`${spec}: there is no file ${path}.`, { code: "file-missing" });
  }
  const known = microModels();
  if (known.length === 0) {
    throw new DataError(
      `${spec}: there is no file ${path}. The shipped models are made by \`splitreason micro build --out models/micro\`.`,
      { code: "file-missing" },
    );
  }
  throw new ConfigError(
    `${spec}: there is no micro model "${parsed.name}"; there are ${known.map((name) => `micro:${name}`).join(", ")}.`,
    { code: "config-invalid" },
  );
}

/** The names of the models in this package. */
function microModels(): readonly string[] {
  const folder = join(packageFolder, "models", "micro");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => existsSync(join(folder, name, "model.gguf"))).sort();
}
