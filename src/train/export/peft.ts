/** PEFT's folder of a LoRA adapter: adapter_config.json and adapter_model.safetensors. Written for others, and read to continue from. */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../core/document.ts";
import { DataError } from "../../core/errors.ts";
import { unreadable, writeFileAtomic } from "../../core/files.ts";
import { BASE_FINGERPRINT_KEY, isSameBase } from "../../formats/gguf/base-fingerprint.ts";
import { decodeSafetensors, encodeSafetensors } from "../../formats/safetensors.ts";
import { adapterPairs, type AdapterShape, adapterSize } from "../model/adapter.ts";
import type { DecoderConfig } from "../model/config.ts";
import type { Adapter } from "./adapter.ts";

const CONFIG_FILE = "adapter_config.json";
const WEIGHTS_FILE = "adapter_model.safetensors";
/** Prefix that PEFT gives to the names of the model that it wraps. */
const WRAPPED = "base_model.model.";
/** Far above any adapter. */
const MAX_ADAPTER_BYTES = 2 ** 32;

/** Writes the folder. adapter_config.json comes last, so a folder that has it is whole. `baseName` is where PEFT looks for the base. */
export async function exportPeft(folder: string, baseName: string, adapter: Adapter): Promise<void> {
  const { shape, base, values } = adapter;
  const tensors = new Map(
    adapterPairs(adapter.config, shape).flatMap(({ a, b }) =>
      [a, b].map(({ name, shape: size }) => [
        `${WRAPPED}${name}`,
        { shape: size, data: values.get(name)?.data ?? new Float32Array() },
      ]),
    ),
  );
  const metadata = { format: "pt", [BASE_FINGERPRINT_KEY]: base };
  await writeFileAtomic(join(folder, WEIGHTS_FILE), encodeSafetensors({ tensors, metadata }));
  await writeFileAtomic(
    join(folder, CONFIG_FILE),
    `${JSON.stringify(peftConfig(shape, baseName), undefined, 2)}\n`,
  );
}

/** The fields of PEFT's `LoraConfig` that say how the matrices act. */
const peftConfig = ({ rank, alpha, targets }: AdapterShape, baseName: string): object => ({
  base_model_name_or_path: baseName,
  bias: "none",
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  lora_alpha: alpha,
  lora_dropout: 0,
  modules_to_save: null,
  peft_type: "LORA",
  r: rank,
  target_modules: targets,
  task_type: "CAUSAL_LM",
  use_dora: false,
  use_rslora: false,
});

const configSchema = z.looseObject({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  use_dora: z.literal(false).default(false),
  use_rslora: z.literal(false).default(false),
  bias: z.literal("none").default("none"),
  modules_to_save: z.null().optional(),
});

/**
 * Reads the values of an adapter, flat in the order of `adapterPairs`.
 * @param base Fingerprint of the model that it is put on.
 * @throws DataError when a file is missing or broken, or the adapter has another shape or belongs to another base.
 */
export async function importPeft(
  folder: string,
  config: DecoderConfig,
  shape: AdapterShape,
  base: string,
): Promise<Float32Array> {
  const settings = await readDocument(join(folder, CONFIG_FILE), configSchema, {
    source: "file",
    maxFaults: 5,
  });
  const path = join(folder, WEIGHTS_FILE);
  const invalid = (what: string): DataError =>
    new DataError(`${folder} is not an adapter that this run can continue: ${what}`, {
      code: "file-invalid",
    });
  if (settings.r !== shape.rank || settings.lora_alpha !== shape.alpha) {
    throw invalid(
      `it has rank ${settings.r} and alpha ${settings.lora_alpha}, the run ${shape.rank} and ${shape.alpha}. Set lora.rank and lora.alpha to its own.`,
    );
  }
  const { size } = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (size > MAX_ADAPTER_BYTES) throw invalid(`${WEIGHTS_FILE} has ${size} bytes.`);
  const { tensors, metadata } = decodeSafetensors(await readFile(path), path);
  const made = metadata[BASE_FINGERPRINT_KEY];
  if (made !== undefined && !isSameBase(made, base))
    throw invalid("it was made for another model. Give --model the one that it was trained on.");
  const pairs = adapterPairs(config, shape);
  const flat = new Float32Array(adapterSize(pairs));
  const specs = pairs.flatMap(({ a, b }) => [a, b]);
  for (const { name, shape: wanted, offset } of specs) {
    const tensor = tensors.get(`${WRAPPED}${name}`);
    if (tensor?.shape.join() !== wanted.join()) {
      throw invalid(
        `${name} is ${tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`} where the base asks for [${wanted.join(", ")}].`,
      );
    }
    flat.set(tensor.data, offset);
  }
  if (tensors.size !== specs.length)
    throw invalid(
      `it has ${tensors.size} tensors, the run's targets ${specs.length}. Set lora.targets to its own.`,
    );
  return flat;
}
