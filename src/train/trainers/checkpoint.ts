/**
 * A checkpoint is one file, `checkpoint.safetensors`, replaced in one step: the weights and both moments as flat float32
 * tensors in the order of `parameterSpecs`, and the model's config and the step count as metadata. The same state gives the
 * same bytes.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

import { DataError, errorMessage } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { type Qwen3Config, qwen3ConfigSchema } from "../model/config.ts";
import { parameterCount } from "../model/parameters.ts";
import type { AdamState } from "./adamw.ts";

export const CHECKPOINT_FILE = "checkpoint.safetensors";
const TENSORS = ["weights", "first_moments", "second_moments"] as const;
const BYTES_PER_FLOAT = 4;

export interface Checkpoint {
  readonly config: Qwen3Config;
  readonly weights: Float32Array;
  readonly adam: AdamState;
}

const headerSchema = z.object({
  __metadata__: z.object({ config: z.string(), step: z.string().regex(/^\d+$/) }),
  weights: z.object({ dtype: z.literal("F32"), shape: z.tuple([z.int().nonnegative()]) }),
});

export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { weights, adam } = checkpoint;
  const parts = [weights, adam.firstMoments, adam.secondMoments];
  const header: Record<string, unknown> = {
    __metadata__: { config: JSON.stringify(checkpoint.config), step: String(adam.step) },
  };
  const partBytes = weights.byteLength;
  for (const [index, name] of TENSORS.entries()) {
    header[name] = {
      dtype: "F32",
      shape: [weights.length],
      data_offsets: [index * partBytes, (index + 1) * partBytes],
    };
  }
  let text = JSON.stringify(header);
  text += " ".repeat((8 - (Buffer.byteLength(text) % 8)) % 8);
  const headerBytes = Buffer.from(text);
  const file = Buffer.alloc(8 + headerBytes.length + partBytes * TENSORS.length);
  file.writeBigUInt64LE(BigInt(headerBytes.length));
  headerBytes.copy(file, 8);
  for (const [index, part] of parts.entries()) {
    file.set(
      new Uint8Array(part.buffer, part.byteOffset, part.byteLength),
      8 + headerBytes.length + index * partBytes,
    );
  }
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
  const invalid = (what: string): DataError =>
    new DataError(`${path} is not a checkpoint: ${what}. Delete it, or resume from another folder.`, {
      code: "file-invalid",
    });
  const headerLength = file.length < 8 ? Number.POSITIVE_INFINITY : Number(file.readBigUInt64LE());
  if (8 + headerLength > file.length) throw invalid("it is cut off");
  let header: z.output<typeof headerSchema>;
  let config: Qwen3Config;
  try {
    header = headerSchema.parse(JSON.parse(file.toString("utf8", 8, 8 + headerLength)));
    config = qwen3ConfigSchema.parse(JSON.parse(header.__metadata__.config));
  } catch (error) {
    throw invalid(`its header cannot be read (${errorMessage(error)})`);
  }
  const [size] = header.weights.shape;
  if (size !== parameterCount(config))
    throw invalid(`it has ${size} weights, its config ${parameterCount(config)}`);
  const partBytes = size * BYTES_PER_FLOAT;
  if (file.length !== 8 + headerLength + partBytes * TENSORS.length) throw invalid("its length is wrong");
  const part = (index: number): Float32Array => {
    const start = 8 + headerLength + index * partBytes;
    return new Float32Array(Uint8Array.from(file.subarray(start, start + partBytes)).buffer);
  };
  return {
    config,
    weights: part(0),
    adam: { firstMoments: part(1), secondMoments: part(2), step: Number(header.__metadata__.step) },
  };
}
