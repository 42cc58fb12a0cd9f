/**
 * A checkpoint is one file, `checkpoint.safetensors`, replaced in one step. It holds the weights and both moments as flat float32 tensors,
 * in the order of `parameterSpecs`. The model's config and the step count are metadata. The same state gives the same bytes.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { DataError, errorMessage } from "../../../core/errors.ts";
import { writeFileAtomic } from "../../../core/files.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../formats/safetensors.ts";
import { type DecoderConfig, decoderConfigSchema } from "../../model/config.ts";
import { parameterCount } from "../../model/parameters.ts";
import type { AdamState } from "./adamw.ts";

export const CHECKPOINT_FILE = "checkpoint.safetensors";

export interface Checkpoint {
  readonly config: DecoderConfig;
  readonly weights: Float32Array;
  readonly adam: AdamState;
}

const metadataSchema = z.object({
  config: z
    .string()
    .transform((text) => JSON.parse(text) as unknown)
    .pipe(decoderConfigSchema),
  step: z.string().regex(/^\d+$/).transform(Number),
});

export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { config, weights, adam } = checkpoint;
  const flat = (data: Float32Array) => ({ shape: [data.length], data });
  const file = encodeSafetensors({
    metadata: { config: JSON.stringify(config), step: String(adam.step) },
    tensors: new Map([
      ["weights", flat(weights)],
      ["first_moments", flat(adam.firstMoments)],
      ["second_moments", flat(adam.secondMoments)],
    ]),
  });
  await writeFileAtomic(join(folder, CHECKPOINT_FILE), file);
}

/** Throws a {@link DataError} that names the file when it is missing or not a whole checkpoint. */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const path = join(folder, CHECKPOINT_FILE);
  const file = await readFile(path).catch((error: unknown) => {
    throw new DataError(`cannot read the checkpoint ${path}: ${errorMessage(error)}`, {
      code: "file-missing",
      cause: error,
    });
  });
  const { tensors, metadata } = decodeSafetensors(file, path);
  const invalid = (what: string, cause?: unknown): DataError =>
    new DataError(`${path} is not a checkpoint of a training run: ${what}.`, { code: "file-invalid", cause });
  let header: z.output<typeof metadataSchema>;
  try {
    header = metadataSchema.parse(metadata);
  } catch (error) {
    throw invalid(`its metadata cannot be used (${errorMessage(error)})`, error);
  }
  const size = parameterCount(header.config);
  const tensor = (name: string): Float32Array => {
    const found = tensors.get(name);
    if (found?.data.length !== size) {
      throw invalid(`${name} has ${found?.data.length ?? "no"} elements, its config asks for ${size}`);
    }
    return found.data;
  };
  return {
    config: header.config,
    weights: tensor("weights"),
    adam: {
      firstMoments: tensor("first_moments"),
      secondMoments: tensor("second_moments"),
      step: header.step,
    },
  };
}
