/**
 * Turns published weights into a model on this machine. Adapters are merged into the base model's weights; a whole model is read as it is.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { TrainError } from "../../../core/errors.ts";
import {
  type Exporter,
  importHuggingFace,
  type ImportedModel,
  type SamplerFactory,
} from "../../export/index.ts";
import { ADAPTER_FILE, mergeAdapters } from "./adapters.ts";
import type { PublishedWeights } from "./tinker-trainer.ts";

/** The base model's weights; undefined where they are not on this machine. */
export type BaseModel = Pick<ImportedModel, "config" | "weights"> | undefined;

async function withUnpacked<Result>(
  weights: PublishedWeights,
  use: (folder: string, hasAdapters: boolean) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "splitreason-weights-"));
  try {
    const names = await weights.unpack(folder);
    return await use(folder, names.includes(ADAPTER_FILE));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Exports published weights with `exporter`. Without the base model, the server's files are copied (adapters in PEFT's form, or a whole
 * model).
 */
export function publishedExporter(
  base: BaseModel,
  exporter: Exporter,
): (folder: string, weights: PublishedWeights) => Promise<void> {
  return (folder, weights) =>
    withUnpacked(weights, async (unpacked, hasAdapters) => {
      if (!hasAdapters || base === undefined) return cp(unpacked, folder, { recursive: true });
      return exporter(folder, base.config, await mergeAdapters(unpacked, base.weights));
    });
}

/** Opens the policy model on this machine, with every capability of the local engine. */
export function localSampler(base: BaseModel, open: SamplerFactory) {
  return async (weights: PublishedWeights) =>
    withUnpacked(weights, async (unpacked, hasAdapters) => {
      if (!hasAdapters) {
        const { config, weights: whole } = await importHuggingFace(unpacked);
        return open(config, whole);
      }
      if (base === undefined) {
        throw new TrainError(
          "sampler=local needs the base model's weights on this machine: give a --model folder with model.safetensors, or another sampler.",
          { code: "train-invalid" },
        );
      }
      return open(base.config, await mergeAdapters(unpacked, base.weights));
    });
}
