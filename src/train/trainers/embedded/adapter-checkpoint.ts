/**
 * A checkpoint of a LoRA run is one file, `checkpoint.safetensors`, replaced in one step: the adapter's values and both moments as flat
 * float32 tensors, in the order of `adapterPairs`. Its shape, its base and the step count are metadata. The base is not in it.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { DataError, errorMessage, TrainError } from "../../../core/errors.ts";
import { unreadable, writeFileAtomic } from "../../../core/files.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../formats/safetensors.ts";
import type { AdapterShape } from "../../model/adapter.ts";
import type { AdamState } from "./adamw.ts";
import { CHECKPOINT_FILE } from "./checkpoint.ts";

/** The base and the kind of adapter that a checkpoint belongs to. */
export interface AdapterOwner {
  readonly adapter: AdapterShape;
  /** Fingerprint of the base. */
  readonly base: string;
}

export interface AdapterState {
  readonly values: Float32Array;
  readonly adam: AdamState;
}

const metadataSchema = z.object({ owner: z.string(), step: z.string().regex(/^\d+$/u).transform(Number) });

const textOf = ({ adapter: { rank, alpha, targets }, base }: AdapterOwner): string =>
  JSON.stringify({ rank, alpha, targets, base });

export async function writeAdapterCheckpoint(
  folder: string,
  owner: AdapterOwner,
  { values, adam }: AdapterState,
): Promise<void> {
  const flat = (data: Float32Array) => ({ shape: [data.length], data });
  const file = encodeSafetensors({
    metadata: { owner: textOf(owner), step: String(adam.step) },
    tensors: new Map([
      ["adapter", flat(values)],
      ["first_moments", flat(adam.firstMoments)],
      ["second_moments", flat(adam.secondMoments)],
    ]),
  });
  await writeFileAtomic(join(folder, CHECKPOINT_FILE), file);
}

/**
 * @param size Elements of the adapter.
 * @throws DataError when the file is missing or broken; TrainError when it belongs to another base or another shape of adapter.
 */
export async function readAdapterCheckpoint(
  folder: string,
  owner: AdapterOwner,
  size: number,
): Promise<AdapterState> {
  const path = join(folder, CHECKPOINT_FILE);
  const file = await readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const { tensors, metadata } = decodeSafetensors(file, path);
  const invalid = (what: string, cause?: unknown): DataError =>
    new DataError(`${path} is not a checkpoint of a LoRA run: ${what}.`, { code: "file-invalid", cause });
  const header = metadataSchema.safeParse(metadata);
  if (!header.success) throw invalid(`its metadata cannot be used (${errorMessage(header.error)})`);
  if (header.data.owner !== textOf(owner)) {
    throw new TrainError(
      `${path} is of another base or another shape of adapter: ${header.data.owner}; this run has ${textOf(owner)}.`,
      { code: "train-invalid" },
    );
  }
  const tensor = (name: string): Float32Array => {
    const found = tensors.get(name);
    if (found?.data.length !== size)
      throw invalid(`${name} has ${found?.data.length ?? "no"} elements, not ${size}`);
    return found.data;
  };
  return {
    values: tensor("adapter"),
    adam: {
      firstMoments: tensor("first_moments"),
      secondMoments: tensor("second_moments"),
      step: header.data.step,
    },
  };
}
