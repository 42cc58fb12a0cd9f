/** Publishes models with their cards. They are written aside and then moved into place, so that what is there is whole. */
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { digestOf } from "../../core/digest.ts";
import { writeFileAtomic } from "../../core/files.ts";
import type { Provenance } from "../../core/provenance.ts";
import { learntCard } from "./card.ts";
import type { MicroLearnConfig } from "./config.ts";
import type { Learned } from "./learn.ts";
import type { TrainedModel } from "./pretrain.ts";

export interface PublishedModel {
  readonly model: TrainedModel;
  readonly card: string;
  /** Files that say what made the model, beside the weights. */
  readonly record?: unknown;
}

const LEARN_RECORD = "learn.json";

export async function publishModels(out: string, models: readonly PublishedModel[]): Promise<void> {
  const aside = join(out, ".partial");
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  for (const { model, card, record } of models) {
    const folder = join(aside, model.name);
    await cp(model.folder, folder, { recursive: true });
    await writeFileAtomic(join(folder, "README.md"), card);
    if (record === undefined) continue;
    await writeFileAtomic(join(folder, LEARN_RECORD), `${JSON.stringify(record, undefined, 2)}\n`);
  }
  for (const { model } of models) {
    await rm(join(out, model.name), { recursive: true, force: true });
    await rename(join(aside, model.name), join(out, model.name));
  }
  await rm(aside, { recursive: true, force: true });
}

/** Publishes the small model with its card and `learn.json`, as `small` in `out`. */
export async function publishLearned(
  out: string,
  { small, tuned: _tuned, ...figures }: Learned,
  context: {
    readonly config: MicroLearnConfig;
    readonly threads: number;
    readonly provenance: Provenance;
  },
): Promise<void> {
  const { config, threads, provenance } = context;
  const record = { configHash: digestOf(config), config, threads, ...provenance, ...figures };
  await publishModels(out, [{ model: small, card: learntCard(small, figures, context), record }]);
}
