/** The run folder's part of a checkpoint that the server keeps: its place, and the model it belongs to. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../../core/document.ts";
import { TrainError } from "../../../core/errors.ts";
import { ifExists, writeFileAtomic } from "../../../core/files.ts";

const POINTER_FILE = "tinker.json";

const statePath = z
  .string()
  .regex(/^tinker:\/\/[^/\s]+\/weights\/[^/\s]+$/u, "no tinker://MODEL/weights/NAME");

const pointerSchema = z.object({
  path: statePath,
  /** The state before, if the server still has it. A run that continues from here deletes both in turn. */
  previous: statePath.optional(),
  base: z.string(),
  rank: z.int().nonnegative(),
});
export type Pointer = z.output<typeof pointerSchema>;

export async function writePointer(folder: string, pointer: Pointer): Promise<void> {
  await writeFileAtomic(join(folder, POINTER_FILE), `${JSON.stringify(pointer, null, 2)}\n`);
}

/** @throws TrainError when the checkpoint is of another trainer or model. */
export async function readPointer(folder: string, wanted: Pick<Pointer, "base" | "rank">): Promise<Pointer> {
  const path = join(folder, POINTER_FILE);
  const advice = "Give the --trainer that the run began with, or another --out.";
  const pointer = await ifExists(readDocument(path, pointerSchema, { source: "training", advice }));
  if (pointer === undefined) {
    throw new TrainError(
      `${folder} is not a checkpoint of a trainer server: it has no ${POINTER_FILE}. ${advice}`,
      {
        code: "train-invalid",
      },
    );
  }
  if (pointer.base === wanted.base && pointer.rank === wanted.rank) return pointer;
  throw new TrainError(
    `${path} is of ${pointer.base} with rank ${pointer.rank}; the trainer has ${wanted.base} with rank ${wanted.rank}.`,
    { code: "train-invalid" },
  );
}

/** A name that was never used before: names on a server are used only once, whatever ran there. */
export const stateName = (kind: string, count: number): string =>
  `${kind}-${count}-${randomBytes(4).toString("hex")}`;
