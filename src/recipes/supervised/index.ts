/**
 * A supervised run as a whole: data, tokenizer and model come together, the loop trains, and the result is written in the forms
 * that other programs read. `pretrain` starts from random weights, `sft` from a model's.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { readProvenance } from "../../core/provenance.ts";
import { OFFLOAD_TAGS, THINK_TAGS } from "../../tags/index.ts";
import {
  BUILT_IN_TEMPLATES,
  ByteLevelTokenizer,
  ChatTemplate,
  loadTokenizer,
  trainBytePairs,
} from "../../tokenizer/index.ts";
import {
  GGUF_FILE,
  type ImportedModel,
  modelExporter,
  type ModelTokenizer,
} from "../../train/export/index.ts";
import {
  type Evaluation,
  loopConfigSchema,
  type LoopOutcome,
  runSupervised,
  type StepMetrics,
} from "../../train/supervised/loop.ts";
import { parseQwen3Config, type Qwen3Config } from "../../train/model/config.ts";
import { parameterCount, type Weights } from "../../train/model/parameters.ts";
import { epochBatch } from "../../train/supervised/trace-datum.ts";
import type { Datum, Trainer } from "../../train/trainer.ts";
import { EmbeddedTrainer } from "../../train/trainers/embedded/embedded-trainer.ts";
import { parseTrainerSpec, type TinkerTrainerSpec } from "../../train/trainers/tinker/index.ts";
import { PADDING, paddingOf, readPolicyModel } from "../trainer/policy-model.ts";
import { runOnServer } from "../trainer/run-with-trainer.ts";
import type { PretrainConfig, SftConfig } from "./config.ts";
import { fitting, openSource, readExamples, type SourceRows } from "./examples.ts";

export {
  loadTrainingConfig,
  type PretrainConfig,
  pretrainConfigSchema,
  type SftConfig,
  sftConfigSchema,
} from "./config.ts";

export interface RunHooks {
  readonly onStart?: (start: RunStart) => void;
  readonly onStep?: (metrics: StepMetrics, steps: number) => void;
  readonly onEvaluation?: (evaluation: Evaluation) => void;
  /** News of a trainer server, for people. */
  readonly onNotice?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface RunStart {
  /** Undefined where only a trainer server knows. */
  readonly parameters: number | undefined;
  readonly examples: number;
  /** Left out because they are longer than a row. */
  readonly tooLong: number;
  readonly steps: number;
  readonly rowLength: number;
}

export interface RunResult extends LoopOutcome {
  readonly steps: number;
  /** The exported model's folder and, where one could be made, its GGUF; undefined when the run was interrupted. */
  readonly model?: { readonly folder: string; readonly gguf?: string };
}

/** What the two kinds of run differ in. */
interface StartingPoint {
  /** Undefined where only a trainer server knows it. */
  readonly config?: Qwen3Config;
  /** Longest document. */
  readonly maxPositions: number;
  /** Undefined: random ones, from the seed. */
  readonly weights?: Weights;
  readonly tokenizer: ByteLevelTokenizer;
  readonly endOfTurn: string;
  readonly template: string;
  /** The run's trainer, where it is not the embedded one. */
  readonly server?: { readonly spec: TinkerTrainerSpec; readonly imported: ImportedModel | undefined };
}

const CHATML_END = "<|im_end|>";
/** The control tokens of a vocabulary that is learnt: those of chatml, and the method's. */
const CONTROL_TOKENS = [
  PADDING,
  "<|im_start|>",
  CHATML_END,
  THINK_TAGS.open,
  THINK_TAGS.close,
  OFFLOAD_TAGS.open,
  OFFLOAD_TAGS.close,
];

/** Trains a model from random weights into `folder`; goes on with the run that is there. */
export async function pretrain(config: PretrainConfig, folder: string, hooks: RunHooks): Promise<RunResult> {
  const source = openSource(config.data, config.heldOut, config.training.seed ?? 1);
  const start = await pretrainStart(config, source);
  return runFrom(start, config, source, { folder, name: "pretrain", identity: config.model }, hooks);
}

/** Fine-tunes the model in `config.model` into `folder`; goes on with the run that is there. */
export async function sft(config: SftConfig, folder: string, hooks: RunHooks): Promise<RunResult> {
  const source = openSource(config.data, config.heldOut, config.training.seed ?? 1);
  const spec = parseTrainerSpec(config.trainer);
  const model = await readPolicyModel(config.model, spec);
  const { loaded, imported } = model;
  const start: StartingPoint = {
    ...(imported === undefined ? {} : { config: imported.config, weights: imported.weights }),
    maxPositions: model.maxPositions,
    tokenizer: loaded.tokenizer,
    endOfTurn: loaded.endOfTurn,
    template: config.template ?? loaded.chatTemplate ?? BUILT_IN_TEMPLATES.chatml,
    ...(spec.kind === "tinker" ? { server: { spec, imported } } : {}),
  };
  return runFrom(start, config, source, { folder, name: "sft", identity: model.identity }, hooks);
}

async function pretrainStart(config: PretrainConfig, source: SourceRows): Promise<StartingPoint> {
  if (config.tokenizer !== undefined) {
    const loaded = await loadTokenizer(config.tokenizer);
    const shape = shapeOf(config, loaded.tokenizer.size);
    return {
      config: shape,
      maxPositions: shape.maxPositions,
      tokenizer: loaded.tokenizer,
      endOfTurn: loaded.endOfTurn ?? CHATML_END,
      template: config.template ?? loaded.chatTemplate ?? BUILT_IN_TEMPLATES.chatml,
    };
  }
  const corpus: string[] = [];
  for await (const { messages, trace } of source.rows()) {
    corpus.push(
      ...messages.map(({ role, content }) => `${role}\n${content}`),
      trace.replaceAll(THINK_TAGS.close, "\n"),
    );
  }
  const vocabulary = trainBytePairs({
    corpus,
    controlTokens: CONTROL_TOKENS,
    maxSize: config.vocabularySize,
  });
  const tokenizer = new ByteLevelTokenizer(vocabulary, { endOfTurn: CHATML_END });
  const shape = shapeOf(config, tokenizer.size);
  return {
    config: shape,
    maxPositions: shape.maxPositions,
    tokenizer,
    endOfTurn: CHATML_END,
    template: config.template ?? BUILT_IN_TEMPLATES.chatml,
  };
}

const shapeOf = ({ model }: PretrainConfig, vocabularySize: number): Qwen3Config =>
  parseQwen3Config({ ...model, vocabularySize });

async function runFrom(
  start: StartingPoint,
  config: PretrainConfig | SftConfig,
  source: SourceRows,
  run: { readonly folder: string; readonly name: string; readonly identity: unknown },
  hooks: RunHooks,
): Promise<RunResult> {
  const { onStart, onStep, onEvaluation, signal } = hooks;
  const { tokenizer, endOfTurn, template } = start;
  const { openThinking, spanWeight, rows } = config;
  const exampleOptions = { template: new ChatTemplate(template).source, openThinking, endOfTurn, spanWeight };
  const set = await readExamples(source, config.heldOut, tokenizer, exampleOptions);
  const { examples } = set;
  const longest = set.training.reduce((most, index) => Math.max(most, examples.tokensOf(index)), 0);
  const rowLength = Math.min(config.rowLength ?? Math.ceil(longest / 16) * 16, start.maxPositions);
  const learnt = fitting(examples, set.training, rowLength);
  const heldOut = fitting(examples, set.heldOut, rowLength);
  const training = loopConfigSchema.parse({
    ...config.training,
    steps: config.training.steps ?? Math.ceil((config.epochs * learnt.length) / rows),
  });

  const modelTokenizer: ModelTokenizer = {
    vocabulary: tokenizer.contents,
    endOfTurn,
    padding: paddingOf(tokenizer, endOfTurn),
    chatTemplate: exampleOptions.template,
  };
  onStart?.({
    parameters: start.config === undefined ? undefined : parameterCount(start.config),
    examples: learnt.length,
    tooLong: set.training.length - learnt.length,
    steps: training.steps,
    rowLength,
  });
  const provenance = await readProvenance();
  const name = `splitreason ${run.name}`;
  const options = {
    start,
    modelTokenizer,
    name,
    rowLength,
    seed: training.seed,
    threads: config.threads ?? 1,
  };
  return onTrainer(options, hooks, async (trainer): Promise<RunResult> => {
    const outcome = await runSupervised({
      config: training,
      trainer,
      folder: run.folder,
      header: {
        identity: {
          run: run.identity,
          vocabulary: tokenizer.vocabulary,
          data: [config.rows, rowLength, config.threads ?? 1, examples.digestOf(learnt)],
        },
        provenance,
      },
      batch: (step) => epochBatch(learnt, step, rows, training.seed).map((index) => examples.at(index)),
      ...(heldOut.length === 0
        ? {}
        : {
            evaluate: () =>
              meanLoss(
                trainer,
                heldOut.map((index) => examples.at(index)),
              ),
          }),
      ...(onStep === undefined ? {} : { onStep: (metrics) => onStep(metrics, training.steps) }),
      ...(onEvaluation === undefined ? {} : { onEvaluation }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (outcome.status !== "done") return { ...outcome, steps: training.steps };
    const folder = join(run.folder, "model");
    await trainer.export(folder);
    const gguf = join(folder, GGUF_FILE);
    return {
      ...outcome,
      steps: training.steps,
      model: { folder, ...(existsSync(gguf) ? { gguf } : {}) },
    };
  });
}

interface TrainerOptions {
  readonly start: StartingPoint;
  readonly modelTokenizer: ModelTokenizer;
  readonly name: string;
  readonly rowLength: number;
  readonly seed: number;
  readonly threads: number;
}

async function onTrainer<Outcome>(
  { start, modelTokenizer, name, rowLength, seed, threads }: TrainerOptions,
  { onNotice, signal }: RunHooks,
  run: (trainer: Trainer) => Promise<Outcome>,
): Promise<Outcome> {
  const { server, config, weights, tokenizer } = start;
  if (server !== undefined) {
    return runOnServer(
      {
        ...server,
        seed,
        tokenizer,
        modelTokenizer,
        contextSize: rowLength,
        name,
        ...(onNotice === undefined ? {} : { onNotice }),
        ...(signal === undefined ? {} : { signal }),
      },
      run,
    );
  }
  if (config === undefined) throw new TypeError("the embedded trainer has no shape");
  const trainer = await EmbeddedTrainer.create({
    config,
    ...(weights === undefined ? { seed } : { weights }),
    threads,
    rowLength,
    exporter: modelExporter(modelTokenizer, name),
  });
  try {
    return await run(trainer);
  } finally {
    await trainer.close();
  }
}

async function meanLoss(
  trainer: Trainer,
  heldOut: readonly Datum[],
): Promise<Readonly<Record<string, number>>> {
  const { lossSum, weightSum } = await trainer.forward(heldOut);
  return { heldOutLoss: lossSum / weightSum };
}
