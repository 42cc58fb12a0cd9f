/** `splitreason train grpo`: trains the small model by reinforcement; the big one writes in its rollouts. */
import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { count, duration } from "../../core/figures.ts";
import { SplitReasonError } from "../../core/errors.ts";
import { REWARDS, REWARDS_WITH_BUDGET } from "../../train/grpo/rewards/registry.ts";
import type { GrpoOutcome } from "../../train/grpo/loop.ts";
import {
  bigFlag,
  bigTimeoutFlag,
  budgetFlag,
  contextFlag,
  filledText,
  jsonFlag,
  maxTokensFlag,
  seedFlag,
  tagsFlag,
  threadsFlag,
  wholeNumber,
} from "../support/flags.ts";
import { grpoFigures, scoresLine } from "./grpo-line.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { hubRows } from "../support/hub-rows.ts";
import { timeoutOption } from "../support/settings.ts";
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

const REWARD_NAMES = REWARDS.map(({ name }) => name);

interface GrpoFlags extends TrainingFlags {
  readonly big?: string;
  readonly heldOut?: string;
  readonly heldOutProblems?: number;
  readonly maxTokens?: number;
  readonly concurrency?: number;
  readonly reward?: string;
  readonly budget?: number;
  readonly problems?: number;
  readonly members?: number;
  readonly context?: number;
  readonly bigTimeout?: number;
}

export function registerTrainGrpo(train: Command, { terminal }: CommandContext): void {
  train
    .command("grpo")
    .summary("reinforcement learning; the big model writes in the rollouts")
    .description(
      "Train a tuned small model by trial: a group of rollouts of each problem, made by the decoder that serves, in which the big model really " +
        "writes what it is asked for. A right answer is rewarded, help has a price. Only the small model's own choices are trained: its tokens, " +
        "where it asks, and where it continues.",
    )
    .addOption(configFlag())
    .addOption(modelFlag("a Hugging Face folder with the tuned small model to start from"))
    .addOption(bigFlag("the big model, e.g. micro:big"))
    .addOption(
      dataFlag(
        "task",
        "the problems, a task as in eval: micro (default), NAME, NAME:FILE.jsonl or FILE.jsonl",
      ),
    )
    .option(
      "--held-out <task>",
      "other problems to evaluate the model on, in the same forms (default: a part of the data that is not trained on)",
      filledText,
    )
    .option(
      "--held-out-problems <n>",
      "how many held-out problems (default: 200, at most half of the data)",
      wholeNumber(1, 1_000_000),
    )
    .option("--reward <name>", `${REWARD_NAMES.join(", ")} (default: cost)`, filledText)
    .addOption(
      budgetFlag(
        `with --reward ${REWARDS_WITH_BUDGET.join(" or ")}: the big model's share of the tokens that is free`,
      ),
    )
    .addOption(
      outFlag(
        "write metrics, rollouts, checkpoints and the best model here; continues a run that was stopped",
      ),
    )
    .addOption(stepsFlag("updates of the weights"))
    .option("--problems <n>", "problems in each training step", wholeNumber(1, 65_536))
    .option("--members <n>", "group size: rollouts of each problem", wholeNumber(2, 4096))
    .addOption(maxTokensFlag("longest output of a rollout, both models together (default: 320)"))
    .option("--concurrency <n>", "rollouts that run at the same time (default: 32)", wholeNumber(1, 65_536))
    .addOption(learningRateFlag())
    .addOption(seedFlag("seed of the problems and rollouts"))
    .addOption(threadsFlag("threads of the embedded trainer"))
    .addOption(
      contextFlag(
        "tokens that each sequence of an embedded big model holds (default: the longest prompt and output)",
      ),
    )
    .addOption(bigTimeoutFlag())
    .addOption(tagsFlag("the tags that the model was tuned with, e.g. '<|fim_prefix|>,<|fim_suffix|>'"))
    .addOption(trainerFlag())
    .addOption(jsonFlag())
    .addHelpText("after", `${rewardsHelp()}${HELP}`)
    .action((flags: GrpoFlags) => trainGrpo(terminal, flags));
}

async function trainGrpo(terminal: Terminal, flags: GrpoFlags): Promise<void> {
  // Loaded here, so that other commands start without the training library.
  const { loadReinforceConfig, reinforce } = await import("../../recipes/reinforce/index.ts");
  const config = await loadReinforceConfig(flags.config, overridesFrom(flags), flags);
  const progress = new Progress(terminal, "steps");
  progress.about(`rollouts for the first of ${count(config.grpo.steps)} steps`);
  const startMs = terminal.clock.nowMs();
  let outcome: GrpoOutcome;
  try {
    outcome = await reinforce(config, flags.out, {
      onTokens: (written) => progress.tokens(written),
      onStep: (metrics, steps) => progress.show(grpoFigures(metrics, steps)),
      onEvaluation: (evaluation) =>
        progress.message(`step ${evaluation.step}, held out: ${scoresLine(evaluation)}`),
      onNotice: (text) => progress.message(text),
      signal: terminal.signal,
      fetchRows: hubRows(terminal),
    });
  } finally {
    progress.end();
  }
  if (outcome.status === "interrupted") {
    throw stoppedAt(outcome.step, config.grpo.steps, flags.out);
  }
  const wallMs = terminal.clock.nowMs() - startMs;
  printResult(terminal, flags, { ...outcome, out: flags.out, wallMs }, () => {
    const { best, reason } = outcome;
    const stopped = reason === undefined ? "" : `stopped early: ${reason}\n`;
    const chosen =
      best === undefined
        ? ""
        : `best after step ${best.step}: ${scoresLine(best)}\nmodel: ${flags.out}/best\n`;
    return `${stopped}${count(outcome.step)} steps in ${duration(wallMs)}\n${chosen}metrics: ${flags.out}/metrics.jsonl\n`;
  });
  if (outcome.status === "collapsed") {
    throw new SplitReasonError(`the run collapsed at step ${outcome.step}: ${outcome.reason ?? ""}`, {
      code: "train-diverged",
    });
  }
}

function overridesFrom(flags: GrpoFlags): Record<string, unknown> {
  const { model, big, data, heldOut, heldOutProblems, threads, context, tags, trainer } = flags;
  const { steps, problems, members, maxTokens, concurrency, learningRate, seed } = flags;
  const grpo = { steps, problems, members, maxTokens, concurrency, learningRate, seed };
  return {
    model,
    big,
    data,
    heldOutData: heldOut,
    heldOut: heldOutProblems,
    threads,
    context,
    tags,
    ...timeoutOption(flags),
    trainer,
    grpo: given(grpo),
  };
}

/** Each reward with its meaning, and the options that a configuration file may set. */
function rewardsHelp(): string {
  const lines = REWARDS.map(({ name, help, schema }) => {
    const options = Object.keys(schema.shape).filter((option) => option !== "name");
    return `  ${name.padEnd(10)} ${help}${options.length === 0 ? "" : `\n${" ".repeat(13)}options: ${options.join(", ")}`}`;
  });
  return `\nRewards:\n${lines.join("\n")}\n`;
}

const HELP = `
docs/training.md explains rewards, losses and every setting of --config. Examples:
  splitreason train grpo --model models/micro/small --big micro:big --budget 0.05 --out runs/grpo
  splitreason train grpo --model models/micro/small --big micro:big --reward paper --out runs/paper
  splitreason eval micro --small gguf:runs/grpo/best/model.gguf --small-base micro:small-base
  splitreason train grpo --model models/micro/small --big micro:big --data micro:problems.jsonl --held-out micro:others.jsonl --out runs/own
  splitreason train grpo --model qwen3-0.6b-tuned --big 'openai:http://HOST:8002/v1#big?dialect=vllm&tokenizer=qwen3-0.6b-tuned/tokenizer.json' \\
    --data gsm8k:train.jsonl --max-tokens 1024 --out runs/gsm8k

A file of problems has a line {"problem", "answer"} for each ("question" also works; "id" is optional). The task's grader judges the answers
(docs/tasks.md). Without --held-out, some problems of the file are kept apart, the same ones for every seed.

Curves are in metrics.jsonl and in TensorBoard's events (tensorboard --logdir runs).

On a SkyRL server (docs/scale.md says how to start one), --model gives only the tokenizer:
  splitreason train grpo --trainer 'tinker:http://HOST:8000?base=/models/qwen3-1.7b-tuned&sampler=openai:http://HOST:8003/v1?dialect=vllm&tokenizer=qwen3-1.7b-tuned/tokenizer.json' \\
    --model qwen3-1.7b-tuned --big 'openai:http://HOST:8002/v1#big?dialect=vllm&tokenizer=qwen3-1.7b-tuned/tokenizer.json' --data gsm8k:train.jsonl --out runs/grpo
`;
