/** One model of the pair from random weights: problems and drills, steps and metrics in its own run folder. */
import { join } from "node:path";

import type { Provenance } from "../../core/provenance.ts";
import { microExample } from "../../micro/index.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import { GGUF_FILE, importHuggingFace, modelExporter } from "../../train/export/index.ts";
import { type Evaluation, runSupervised, type StepMetrics } from "../../train/supervised/loop.ts";
import type { Qwen3Config } from "../../train/model/config.ts";
import type { Weights } from "../../train/model/parameters.ts";
import { EmbeddedTrainer } from "../../train/trainers/embedded/embedded-trainer.ts";
import { type MicroModelConfig, qwen3Shape } from "./config.ts";
import { CHAT_TEMPLATE, END_OF_TURN, mixedBatch, PADDING } from "./corpus.ts";
import { skillScores } from "./skills.ts";

export interface StageOptions {
  readonly name: string;
  readonly tokenizer: ByteLevelTokenizer;
  readonly folder: string;
  readonly threads: number;
  readonly provenance: Provenance;
  readonly onStep?: (name: string, metrics: StepMetrics) => void;
  readonly onEvaluation?: (name: string, evaluation: Evaluation) => void;
  readonly signal?: AbortSignal;
}

export interface TrainedModel {
  readonly name: string;
  /** The Hugging Face folder, with model.gguf in it. */
  readonly folder: string;
  readonly gguf: string;
  readonly config: Qwen3Config;
  readonly weights: Weights;
  readonly parameters: number;
}

/** Validation problems looked at while a model trains. */
const WATCHED_PROBLEMS = 48;

export async function pretrain(
  model: MicroModelConfig,
  seed: number,
  stage: StageOptions,
): Promise<TrainedModel | undefined> {
  const { tokenizer } = stage;
  const shape = qwen3Shape(model, tokenizer.size);
  const { mix, training } = model;
  const watched = Array.from({ length: WATCHED_PROBLEMS }, (_, index) =>
    microExample("validation", seed, index),
  );
  const trainer = await EmbeddedTrainer.create({
    config: shape,
    seed: training.seed,
    threads: stage.threads,
    rowLength: mix.rowLength,
    exporter: modelExporter(microModelTokenizer(tokenizer), `splitreason micro ${stage.name}`),
  });
  try {
    const outcome = await runSupervised({
      config: training,
      trainer,
      folder: stage.folder,
      header: {
        identity: { model, seed, vocabulary: tokenizer.vocabulary, threads: stage.threads },
        provenance: stage.provenance,
      },
      batch: (step) =>
        mixedBatch(tokenizer, step, {
          seed,
          rowLength: mix.rowLength,
          rows: mix.rows,
          drillRows: mix.drillRows[step < mix.turn * training.steps ? 0 : 1],
          productDrills: mix.productDrills,
        }),
      evaluate: async () => skillScores(trainer, tokenizer, watched),
      onStep: (metrics) => stage.onStep?.(stage.name, metrics),
      onEvaluation: (evaluation) => stage.onEvaluation?.(stage.name, evaluation),
      ...(stage.signal === undefined ? {} : { signal: stage.signal }),
    });
    return outcome.status === "done" ? await exported(trainer, stage) : undefined;
  } finally {
    await trainer.close();
  }
}

export function microModelTokenizer(tokenizer: ByteLevelTokenizer) {
  return {
    vocabulary: tokenizer.contents,
    endOfTurn: END_OF_TURN,
    padding: PADDING,
    chatTemplate: CHAT_TEMPLATE,
  };
}

/** Writes the model into its run folder and says where. */
export async function exported(
  trainer: EmbeddedTrainer,
  stage: Pick<StageOptions, "name" | "folder">,
): Promise<TrainedModel> {
  const folder = join(stage.folder, "export");
  await trainer.export(folder);
  const weights = trainer.weights();
  const parameters = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  const gguf = join(folder, GGUF_FILE);
  return { name: stage.name, folder, gguf, config: trainer.config, weights, parameters };
}

/** A model of the pair that was published before. */
export async function published(name: string, folder: string): Promise<TrainedModel> {
  const { config, weights } = await importHuggingFace(folder);
  const parameters = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  return { name, folder, gguf: join(folder, GGUF_FILE), config, weights, parameters };
}
