/** The model that a run begins with, as far as its trainer needs it here: a trainer server has the weights itself. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { digestOfBytes } from "../../core/digest.ts";
import { readDocument } from "../../core/document.ts";
import { DataError } from "../../core/errors.ts";
import { ifExists } from "../../core/files.ts";
import { type ByteLevelTokenizer, loadTokenizer, type LoadedTokenizer } from "../../tokenizer/index.ts";
import { importHuggingFace, type ImportedModel } from "../../train/export/index.ts";
import type { Weights } from "../../train/model/parameters.ts";
import type { TrainerSpec } from "../../train/trainers/tinker/index.ts";

/** What ChatML models pad with. */
export const PADDING = "<|endoftext|>";

/** The padding token of a vocabulary, or else the end of the turn. */
export const paddingOf = (tokenizer: Pick<ByteLevelTokenizer, "controlId">, endOfTurn: string): string =>
  tokenizer.controlId(PADDING) === undefined ? endOfTurn : PADDING;

export interface PolicyModel {
  readonly loaded: LoadedTokenizer & { readonly endOfTurn: string };
  /** Longest document. */
  readonly maxPositions: number;
  /** Undefined where only the trainer server has them. */
  readonly imported: ImportedModel | undefined;
  /** What must be equal to go on with a run. */
  readonly identity: unknown;
}

const shapeSchema = z.object({
  max_position_embeddings: z.int().positive().default(32_768),
  vocab_size: z.int().positive().optional(),
});

/** @throws DataError when a file is missing, or the model is one that the trainer cannot train. */
export async function readPolicyModel(folder: string, spec: TrainerSpec): Promise<PolicyModel> {
  if (spec.kind === "embedded") {
    const imported = await importHuggingFace(folder);
    return {
      loaded: withEnd(imported.tokenizer, folder),
      maxPositions: imported.config.maxPositions,
      imported,
      identity: digestOfWeights(imported.weights),
    };
  }
  const file = await ifExists(readDocument(join(folder, "config.json"), shapeSchema, { source: "file" }));
  const shape = file ?? shapeSchema.parse({});
  const tokenizer = await loadTokenizer(folder, shape.vocab_size);
  return {
    loaded: withEnd(tokenizer, folder),
    maxPositions: shape.max_position_embeddings,
    imported: await importWhereUseful(folder),
    identity: {
      base: spec.base,
      backend: spec.backend,
      rank: spec.rank,
      vocabulary: tokenizer.tokenizer.vocabulary,
    },
  };
}

/** Adapters can be put into these weights when the run is over; what cannot be read here is left to the server. */
async function importWhereUseful(folder: string): Promise<ImportedModel | undefined> {
  if (!existsSync(join(folder, "model.safetensors"))) return undefined;
  return importHuggingFace(folder).catch((error: unknown) => {
    if (error instanceof DataError) return undefined;
    throw error;
  });
}

function withEnd(loaded: LoadedTokenizer | undefined, folder: string): PolicyModel["loaded"] {
  const { endOfTurn } = loaded ?? {};
  if (loaded !== undefined && endOfTurn !== undefined) return { ...loaded, endOfTurn };
  throw new DataError(
    `${folder} has no tokenizer.json with an eos_token in tokenizer_config.json: both are needed to train.`,
    { code: "file-invalid" },
  );
}

const digestOfWeights = (weights: Weights): string =>
  digestOfBytes(
    [...weights.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
