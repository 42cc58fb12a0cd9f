/** Merges low-rank adapters (PEFT's files) into the weights that they belong to: W + alpha / rank * B A. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../../core/document.ts";
import { DataError } from "../../../core/errors.ts";
import { decodeSafetensors } from "../../../formats/safetensors.ts";
import { plusLowRank } from "../../model/adapter.ts";
import type { Weights } from "../../model/parameters.ts";

export const ADAPTER_FILE = "adapter_model.safetensors";
const ADAPTER_CONFIG = "adapter_config.json";
const PREFIX = "base_model.model.";

const configSchema = z.object({
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  use_rslora: z.literal(false).default(false),
  use_dora: z.literal(false).default(false),
});

/**
 * @param folder Folder with the two files of an adapter.
 * @throws DataError when the adapter is not for these weights.
 */
export async function mergeAdapters(folder: string, base: Weights): Promise<Weights> {
  const path = join(folder, ADAPTER_FILE);
  const config = await readDocument(join(folder, ADAPTER_CONFIG), configSchema, { source: "file" });
  const invalid = (what: string) =>
    new DataError(`the adapters in ${path} do not fit the model: ${what}.`, { code: "data-invalid" });
  const scale = config.lora_alpha / config.r;
  const { tensors } = decodeSafetensors(await readFile(path), path);
  const merged = new Map(base);
  for (const [name, down] of tensors) {
    if (!name.endsWith(".lora_A.weight")) continue;
    const stem = name.slice(0, -".lora_A.weight".length);
    const target = `${stem.startsWith(PREFIX) ? stem.slice(PREFIX.length) : stem}.weight`;
    const up = tensors.get(`${stem}.lora_B.weight`);
    const weight = base.get(target);
    if (up === undefined || weight === undefined)
      throw invalid(`${target} is not there, or has half an adapter`);
    const [rows = 0, columns = 0] = weight.shape;
    const [rank = 0, width = 0] = down.shape;
    if (weight.shape.length !== 2 || width !== columns || up.shape[0] !== rows || up.shape[1] !== rank)
      throw invalid(
        `${target} is [${weight.shape.join(", ")}], its adapter [${up.shape.join(", ")}] x [${down.shape.join(", ")}]`,
      );
    merged.set(target, {
      shape: weight.shape,
      data: plusLowRank(weight.data, columns, down.data, up.data, scale),
    });
  }
  return merged;
}
