/** One model of the pair from random weights: problems and drills, steps and metrics in its own run folder. */
import { join } from "node:path";

import type { Provenance } from "../../core/provenance.ts";
import { microExample } from "../../micro/index.ts";
import type { ByteLevelTokenizer } from "../../tokenizer/index.ts";
import { GGUF_FILE, importHuggingFace } from "../../train/export/index.ts";
import {
  type Evaluation,
  type LoopOutcome,
  runSupervised,
  type StepMetrics,
} from "../../train/supervised/loop.ts";
import type { DecoderConfig } from "../../train/model/config.ts";
import type { Weights } from "../../train/model/parameters.ts";
import type { StartingModel } from "../../train/starting-model.ts";
import type { Trainer } from "../../train/trainer.ts";
import type { TrainerOptions } from "../../train/trainer-kind.ts";
import { chooseTrainer } from "../../train/trainers/registry.ts";
import { withTrainer } from "../trainer/with-trainer.ts";
import { type MicroModelConfig, decoderShape } from "./config.ts";
import { CHAT_TEMPLATE, END_OF_TURN, mixedBatch } from "./corpus.ts";
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
  readonly config: DecoderConfig;
  readonly weights: Weights;
  readonly parameters: number;
}

/** Validation problems that are evaluated while a model trains. */
const WATCHED_PROBLEMS = 48;

export async function pretrain(
  model: MicroModelConfig,
  seed: number,
  stage: StageOptions,
): Promise<TrainedModel | undefined> {
  const { tokenizer } = stage;
  const shape = decoderShape(model, tokenizer.size);
  const { mix, training } = model;
  const watched = Array.from({ length: WATCHED_PROBLEMS }, (_, index) =>
    microExample("validation", seed, index),
  );
  return trainModel({ config: shape }, stage, { seed: training.seed, rowLength: mix.rowLength }, (trainer) =>
    runSupervised({
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
    }),
  );
}

/** Trains a model of the pair on the embedded trainer and exports it into its run folder. Undefined when the signal stopped it. */
export function trainModel(
  { config, weights }: Pick<TrainedModel, "config"> & Partial<Pick<TrainedModel, "weights">>,
  stage: StageOptions,
  { seed, rowLength }: Pick<TrainerOptions, "seed" | "rowLength">,
  run: (trainer: Trainer) => Promise<LoopOutcome>,
): Promise<TrainedModel | undefined> {
  const start: StartingModel = {
    tokenizer: stage.tokenizer,
    endOfTurn: END_OF_TURN,
    chatTemplate: CHAT_TEMPLATE,
    maxPositions: config.maxPositions,
    config,
    ...(weights === undefined ? {} : { weights }),
    identity: undefined,
  };
  const { name, threads } = stage;
  const options = {
    name: `splitreason micro ${name}`,
    seed,
    threads,
    rowLength,
    chatTemplate: CHAT_TEMPLATE,
  };
  return withTrainer(chooseTrainer("embedded"), start, options, async (trainer) => {
    const outcome = await run(trainer);
    if (outcome.status !== "done") return undefined;
    const folder = join(stage.folder, "export");
    await trainer.export(folder);
    return published(name, folder);
  });
}

/** Reads a model of the pair that was published before. */
export async function published(name: string, folder: string): Promise<TrainedModel> {
  const { config, weights } = await importHuggingFace(folder);
  const parameters = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
  return { name, folder, gguf: join(folder, GGUF_FILE), config, weights, parameters };
}
