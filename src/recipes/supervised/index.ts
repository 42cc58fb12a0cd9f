/**
 * A supervised run, as one page. Data, tokenizer and model come together, the loop trains, and the model is exported. `pretrain` starts
 * from random weights, `sft` from a model. Not here: the loop itself (`train/supervised/loop.ts`) and what trainers do. `splitreason train`
 * calls this.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { given } from "../../core/given.ts";
import { readProvenance } from "../../core/provenance.ts";
import { BUILT_IN_TEMPLATES, ChatTemplate } from "../../tokenizer/index.ts";
import { ADAPTER_GGUF, GGUF_FILE, MERGED_FOLDER } from "../../train/export/index.ts";
import { requireOwnRows } from "../../train/tag-rows.ts";
import { type LoraConfig, loraIdentity } from "../../train/model/lora-config.ts";
import { parameterCount } from "../../train/model/parameters.ts";
import type { StartingModel } from "../../train/starting-model.ts";
import {
  type Evaluation,
  loopConfigSchema,
  type LoopOutcome,
  runSupervised,
  type StepMetrics,
} from "../../train/supervised/loop.ts";
import { epochBatch } from "../../train/supervised/trace-datum.ts";
import type { ChosenTrainer } from "../../train/trainer-kind.ts";
import { chooseTrainer } from "../../train/trainers/registry.ts";
import { withTrainer } from "../trainer/with-trainer.ts";
import type { PretrainConfig, SftConfig } from "./config.ts";
import { fitting, openSource, readExamples, type SourceOptions, type SourceRows } from "./examples.ts";
import { newModel } from "./new-model.ts";

export { loadTrainingConfig } from "../trainer/config-file.ts";
export { type PretrainConfig, pretrainConfigSchema, type SftConfig, sftConfigSchema } from "./config.ts";

export interface RunHooks extends Pick<SourceOptions, "hub"> {
  readonly onStart?: (start: RunStart) => void;
  readonly onStep?: (metrics: StepMetrics, steps: number) => void;
  readonly onEvaluation?: (evaluation: Evaluation) => void;
  /** Called with news for people, such as a trainer server that does not answer. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface RunStart {
  /** Undefined where only a trainer server knows the number. */
  readonly parameters: number | undefined;
  readonly examples: number;
  /** Examples left out because they are longer than a row. */
  readonly tooLong: number;
  readonly steps: number;
  readonly rowLength: number;
}

export interface RunResult extends LoopOutcome {
  readonly steps: number;
  /**
   * The exported folder and, where there is one, the model's GGUF, the GGUF of an adapter, and the folder of the model that it is merged
   * into. Undefined when the run was interrupted.
   */
  readonly model?: {
    readonly folder: string;
    readonly gguf?: string;
    readonly adapter?: string;
    readonly merged?: string;
  };
}

/** Trains a model from random weights into `folder`, or continues the run that is there. */
export async function pretrain(config: PretrainConfig, folder: string, hooks: RunHooks): Promise<RunResult> {
  const source = sourceOf(config, hooks);
  const model = await newModel(config, source);
  const trainer = chooseTrainer("embedded");
  return runFrom({ name: "pretrain", config, source, model, trainer, folder }, hooks);
}

/** Fine-tunes the model in `config.model` into `folder`, or continues the run that is there. */
export async function sft(config: SftConfig, folder: string, hooks: RunHooks): Promise<RunResult> {
  const source = sourceOf(config, hooks);
  const trainer = chooseTrainer(config.trainer);
  const model = await trainer.readModel(config.model);
  return runFrom({ name: "sft", lora: config.lora, config, source, model, trainer, folder }, hooks);
}

function sourceOf(
  { data, heldOut, training }: PretrainConfig | SftConfig,
  { hub, signal }: RunHooks,
): SourceRows {
  return openSource(data, {
    heldOut,
    seed: training.seed ?? 1,
    ...(hub === undefined ? {} : { hub }),
    ...(signal === undefined ? {} : { signal }),
  });
}

interface Run {
  readonly name: string;
  readonly lora?: LoraConfig | undefined;
  readonly config: PretrainConfig | SftConfig;
  readonly source: SourceRows;
  readonly model: StartingModel;
  readonly trainer: ChosenTrainer;
  readonly folder: string;
}

async function runFrom(
  { name, lora, config, source, model, trainer: chosen, folder }: Run,
  { onStart, onStep, onEvaluation, onNotice, signal }: RunHooks,
): Promise<RunResult> {
  const { tokenizer, endOfTurn } = model;
  const { openThinking, spanWeight, rows, threads = 1 } = config;
  const template = new ChatTemplate(config.template ?? model.chatTemplate ?? BUILT_IN_TEMPLATES.chatml)
    .source;
  const modelName = typeof config.model === "string" ? config.model : "the new model";
  const set = await readExamples(source, config.heldOut, tokenizer, {
    template,
    openThinking,
    endOfTurn,
    spanWeight,
    tags: config.tags,
    model: modelName,
  });
  if (lora !== undefined) requireOwnRows(config.tags, modelName, model);
  const { examples } = set;
  const longest = set.training.reduce((most, index) => Math.max(most, examples.tokensOf(index)), 0);
  const rowLength = Math.min(config.rowLength ?? Math.ceil(longest / 16) * 16, model.maxPositions);
  const learned = fitting(examples, set.training, rowLength);
  const heldOut = fitting(examples, set.heldOut, rowLength);
  const training = loopConfigSchema.parse({
    ...config.training,
    steps: config.training.steps ?? Math.ceil((config.epochs * learned.length) / rows),
  });
  const { steps, seed } = training;
  if (set.skipped > 0)
    onNotice?.(`${set.skipped} problems left out: none of their traces is known to be correct.`);
  onStart?.({
    parameters: model.config === undefined ? undefined : parameterCount(model.config),
    examples: learned.length,
    tooLong: set.training.length - learned.length,
    steps,
    rowLength,
  });
  const identity = {
    run: model.identity,
    vocabulary: tokenizer.vocabulary,
    data: [rows, rowLength, threads, examples.digestOf(learned)],
    lora: loraIdentity(lora),
  };
  const header = { identity, provenance: await readProvenance() };
  const stoppable = signal === undefined ? {} : { signal };
  return withTrainer(
    chosen,
    model,
    {
      name: `splitreason ${name}`,
      seed,
      threads,
      rowLength,
      chatTemplate: template,
      ...given({ lora }),
      ...(onNotice === undefined ? {} : { onNotice }),
      ...stoppable,
    },
    async (trainer): Promise<RunResult> => {
      const heldOutLoss = async () => {
        const { lossSum, weightSum } = await trainer.forward(heldOut.map((index) => examples.at(index)));
        return { heldOutLoss: lossSum / weightSum };
      };
      const outcome = await runSupervised({
        config: training,
        trainer,
        folder,
        header,
        batch: (step) => epochBatch(learned, step, rows, seed).map((index) => examples.at(index)),
        ...(heldOut.length === 0 ? {} : { evaluate: heldOutLoss }),
        ...(onStep === undefined ? {} : { onStep: (metrics) => onStep(metrics, steps) }),
        ...(onEvaluation === undefined ? {} : { onEvaluation }),
        ...stoppable,
      });
      if (outcome.status !== "done") return { ...outcome, steps };
      const exported = join(folder, "model");
      await trainer.export(exported);
      const [gguf, adapter, merged] = [GGUF_FILE, ADAPTER_GGUF, MERGED_FOLDER].map((file) =>
        existing(join(exported, file)),
      );
      return { ...outcome, steps, model: { folder: exported, ...given({ gguf, adapter, merged }) } };
    },
  );
}

const existing = (path: string): string | undefined => (existsSync(path) ? path : undefined);
