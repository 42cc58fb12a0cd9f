/** `splitreason train pretrain|sft`: supervised training. */
import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { count, duration } from "../../core/figures.ts";
import { ConfigError } from "../../core/errors.ts";
import { hubAccessFrom } from "../../data/hub/calls.ts";
import type { RunHooks, RunResult } from "../../recipes/supervised/index.ts";
import {
  filledText,
  jsonFlag,
  realNumber,
  seedFlag,
  SOURCE_HELP,
  tagsFlag,
  threadsFlag,
  wholeNumber,
} from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { supervisedLine } from "./supervised-line.ts";
import type { Terminal } from "../support/terminal.ts";
import {
  configFlag,
  dataFlag,
  learningRateFlag,
  modelFlag,
  outFlag,
  stepsFlag,
  stoppedAt,
  trainerFlag,
  type TrainingFlags,
} from "./training-flags.ts";

interface SupervisedFlags extends TrainingFlags {
  readonly tokenizer?: string;
  readonly epochs?: number;
  readonly rows?: number;
  readonly spanWeight?: number;
}

export function registerTrainPretrain(train: Command, { terminal }: CommandContext): void {
  addRunFlags(
    train
      .command("pretrain")
      .summary("train a model from random weights")
      .description("Train a small model from random weights. The configuration file gives its shape.")
      .addOption(
        configFlag(
          "a JSON file with model, and optionally data, rows, epochs, training, ...",
        ).makeOptionMandatory(),
      )
      .option(
        "--tokenizer <folder>",
        "a folder with tokenizer.json (default: learned from the data)",
        filledText,
      ),
  )
    .addHelpText("after", PRETRAIN_HELP)
    .action(async (flags: SupervisedFlags) => {
      const { loadTrainingConfig, pretrain, pretrainConfigSchema } = await loadTraining();
      const config = await loadTrainingConfig(pretrainConfigSchema, flags.config, {
        ...overridesFrom(flags),
        tokenizer: flags.tokenizer,
      });
      await report(terminal, flags, (hooks) => pretrain(config, flags.out, hooks));
    });
}

export function registerTrainSft(train: Command, { terminal }: CommandContext): void {
  addRunFlags(
    train
      .command("sft")
      .summary("fine-tune a model on traces with spans to hand over")
      .description(
        "Fine-tune a small model on traces. Their spans become tags around what the big model will write, so that the small one " +
          "learns to ask for it.",
      )
      .addOption(configFlag())
      .addOption(
        modelFlag(
          "a Hugging Face folder or a GGUF to start from: a dense decoder (Llama, SmolLM2, Qwen2, Qwen3)",
        ),
      )
      .addOption(trainerFlag()),
  )
    .addHelpText("after", SFT_HELP)
    .action(async (flags: SupervisedFlags) => {
      const { loadTrainingConfig, sft, sftConfigSchema } = await loadTraining();
      const config = await loadTrainingConfig(sftConfigSchema, flags.config, {
        ...overridesFrom(flags),
        model: flags.model,
        trainer: flags.trainer,
      });
      await report(terminal, flags, (hooks) => sft(config, flags.out, hooks));
    });
}

/** Loaded when needed, so that other commands start without the training library. */
const loadTraining = () => import("../../recipes/supervised/index.ts");

function addRunFlags(command: Command): Command {
  return command
    .addOption(
      dataFlag(
        "source",
        `${SOURCE_HELP}: rows with problem and trace, {prompt, completion}, {messages} or generations; or micro, micro:ROWS`,
      ),
    )
    .addOption(outFlag("write metrics, checkpoints and the model here; continues a run that was stopped"))
    .addOption(stepsFlag("updates of the weights (instead of --epochs)").conflicts("epochs"))
    .option("--epochs <n>", "passes over the data", realNumber(0, 10_000))
    .option("--rows <n>", "examples in each training step", wholeNumber(1, 65_536))
    .addOption(learningRateFlag())
    .option("--span-weight <w>", "loss weight of tokens that the big model will write", realNumber(0, 1))
    .addOption(seedFlag("seed of the weights and of the order of examples"))
    .addOption(threadsFlag("threads of the embedded trainer"))
    .addOption(
      tagsFlag(
        "two control tokens of the model's vocabulary for the tags around spans, e.g. '<|fim_prefix|>,<|fim_suffix|>'",
      ),
    )
    .addOption(jsonFlag());
}

function overridesFrom(flags: SupervisedFlags): Record<string, unknown> {
  const { data, epochs, rows, spanWeight, threads, tags, steps, learningRate, seed } = flags;
  return { data, tags, epochs, rows, spanWeight, threads, training: given({ steps, learningRate, seed }) };
}

async function report(
  terminal: Terminal,
  flags: SupervisedFlags,
  run: (hooks: RunHooks) => Promise<RunResult>,
): Promise<void> {
  const progress = new Progress(terminal, "steps");
  const startMs = terminal.clock.nowMs();
  let first: number | undefined;
  let result: RunResult;
  try {
    result = await run({
      signal: terminal.signal,
      hub: hubAccessFrom(terminal.environment),
      onStart: ({ parameters, examples, tooLong, steps, rowLength }) => {
        const left = tooLong === 0 ? "" : `, ${count(tooLong)} left out as longer than ${rowLength} tokens`;
        const size = parameters === undefined ? "" : `${count(parameters)} parameters, `;
        terminal.log(`${size}${count(examples)} examples${left}, ${count(steps)} steps\n`);
      },
      onStep: (metrics, steps) => {
        if (first === undefined) {
          first = metrics.step - 1;
          if (first > 0) terminal.log(`continuing after step ${first} in ${flags.out}\n`);
        }
        progress.show(supervisedLine(metrics, steps));
      },
      onNotice: (text) => progress.message(text),
      onEvaluation: ({ step, scores }) => {
        const text = Object.entries(scores).map(([name, value]) => `${name} ${value.toFixed(4)}`);
        progress.message(`step ${step}: ${text.join(", ")}`);
      },
    });
  } finally {
    progress.end();
  }
  if (result.status === "interrupted") {
    throw stoppedAt(result.step, result.steps, flags.out);
  }
  const { model, ...outcome } = result;
  if (model === undefined) throw new ConfigError("the run wrote no model.", { code: "internal" });
  const wallMs = terminal.clock.nowMs() - startMs;
  printResult(terminal, flags, { ...outcome, model, out: flags.out, wallMs }, () =>
    [
      `trained for ${count(result.step)} steps in ${duration(wallMs)}`,
      result.lastLoss === undefined ? "" : `; last loss ${result.lastLoss.toFixed(4)} nats a token`,
      `\n${exportedTo(model)}\nmetrics: ${flags.out}/metrics.jsonl\n`,
    ].join(""),
  );
}

function exportedTo({ folder, gguf, adapter, merged }: NonNullable<RunResult["model"]>): string {
  if (adapter === undefined && merged === undefined)
    return `model: ${folder} (Hugging Face)${gguf === undefined ? "" : `, ${gguf}`}`;
  const lines = [
    `adapter: ${folder}`,
    ...(adapter === undefined ? [] : [`for engine specs: gguf:MODEL?lora=${adapter}`]),
    ...(merged === undefined ? [] : [`merged: ${merged}`]),
  ];
  return lines.join("\n");
}

const PRETRAIN_HELP = `
Example:
  echo '{"model": {"hiddenSize": 64, "layers": 2, "heads": 4, "keyValueHeads": 4, "headSize": 16, "intermediateSize": 176}}' > small.json
  splitreason train pretrain --config small.json --data micro:2000 --steps 200 --out runs/small
  splitreason solve "..." --small gguf:runs/small/model/model.gguf --policy never
`;

const SFT_HELP = `
Example:
  splitreason data annotate traces.jsonl --out annotated.jsonl
  splitreason train sft --model runs/small/model --data annotated.jsonl --epochs 3 --out runs/tuned
  splitreason eval micro --small gguf:runs/tuned/model/model.gguf --small-base gguf:runs/small/model/model.gguf

An adapter over a model that stays as it is (docs/training.md, Adapters):
  echo '{"model": "base.gguf", "data": "annotated.jsonl", "lora": {"rank": 16, "alpha": 32}}' > lora.json
  splitreason train sft --config lora.json --out runs/adapter
  splitreason solve "..." --small "gguf:base.gguf?lora=runs/adapter/model/adapter.gguf"

Curves are in metrics.jsonl and in TensorBoard's events (tensorboard --logdir runs).
`;
