/** `--trainer tinker:URL?...`: training on a server that speaks the Tinker protocol (SkyRL). Only the registry calls this. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { readDocument } from "../../../core/document.ts";
import { ConfigError, DataError } from "../../../core/errors.ts";
import { ifExists } from "../../../core/files.ts";
import { exportedTokenizer, type StartingModel, trainableTokenizer } from "../../starting-model.ts";
import type { Trainer } from "../../trainer.ts";
import type { TrainerKind, TrainerOptions } from "../../trainer-kind.ts";
import { newsText } from "./outage.ts";
import { parseTinkerSpec, type TinkerSpec } from "./spec.ts";

/** A server that loses its model more often than this is faulty. */
const MAX_LOSSES = 10;

export const tinker: TrainerKind = {
  name: "tinker",
  usage: "tinker:http://HOST:PORT?base=MODEL&backend=fsdp&sampler=ENGINE (a SkyRL server: docs/scale.md)",
  parse(parameters = "", refuse) {
    const spec = parseTinkerSpec(parameters, refuse);
    return {
      maxRestarts: MAX_LOSSES,
      readModel: (folder) => readModel(folder, spec),
      open: (model, options) => open(model, options, spec),
    };
  },
};

const shapeSchema = z.object({
  max_position_embeddings: z.int().positive().default(32_768),
  vocab_size: z.int().positive().optional(),
});

async function readModel(folder: string, spec: TinkerSpec): Promise<StartingModel> {
  const { loadTokenizer } = await import("../../../tokenizer/index.ts");
  const file = await ifExists(readDocument(join(folder, "config.json"), shapeSchema, { source: "file" }));
  const shape = file ?? shapeSchema.parse({});
  const tokenizer = trainableTokenizer(await loadTokenizer(folder, shape.vocab_size), folder);
  const { base, backend, rank } = spec;
  return {
    ...tokenizer,
    maxPositions: shape.max_position_embeddings,
    ...(await readWeights(folder)),
    identity: { base, backend, rank, vocabulary: tokenizer.tokenizer.vocabulary },
  };
}

/**
 * Reads the weights on this machine, where there are any. The server trains its own; these are merged with its adapters when the run is
 * over.
 */
async function readWeights(folder: string): Promise<Pick<StartingModel, "config" | "weights">> {
  if (!existsSync(join(folder, "model.safetensors"))) return {};
  const { importHuggingFace } = await import("../../export/index.ts");
  try {
    const { config, weights } = await importHuggingFace(folder);
    return { config, weights };
  } catch (error) {
    if (error instanceof DataError) return {};
    throw error;
  }
}

async function open(model: StartingModel, options: TrainerOptions, spec: TinkerSpec): Promise<Trainer> {
  const { connectTinker } = await import("./connect.ts");
  const { modelOutlets } = await import("../../export/index.ts");
  const { seed, rowLength, chatTemplate, lora, onNotice, signal } = options;
  if (lora !== undefined) {
    throw new ConfigError(
      "lora belongs to the trainer embedded: a trainer server makes its own adapters, and --trainer tinker:URL?rank=N sets their rank.",
      { code: "config-invalid" },
    );
  }
  const { config, weights, tokenizer } = model;
  const { exporter, sampler } = modelOutlets(exportedTokenizer(model, chatTemplate), options);
  return connectTinker({
    spec,
    seed,
    tokenizer,
    contextSize: rowLength,
    base: config === undefined || weights === undefined ? undefined : { config, weights },
    exporter,
    ...(sampler === undefined ? {} : { localSampler: sampler }),
    ...(onNotice === undefined ? {} : { onOutage: (news) => onNotice(newsText(spec.url, news)) }),
    ...(signal === undefined ? {} : { signal }),
  });
}
