/** `splitreason micro learn`: the small model of the shipped pair learns to offload, from the pair before tuning. */
import { availableParallelism } from "node:os";
import { join } from "node:path";

import type { Command } from "commander";

import { count, duration, percent } from "../../core/figures.ts";
import { SplitReasonError } from "../../core/errors.ts";
import { readProvenance } from "../../core/provenance.ts";
import { filledText, jsonFlag, seedFlag, threadsFlag } from "../support/flags.ts";
import { scoresLine } from "../train/grpo-line.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { RecipeDisplay } from "./recipe-display.ts";
import type { Terminal } from "../support/terminal.ts";

interface LearnFlags {
  readonly fast?: boolean;
  readonly from: string;
  readonly out?: string;
  readonly work?: string;
  readonly seed: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function registerMicroLearn(micro: Command, { terminal }: CommandContext): void {
  micro
    .command("learn")
    .summary("teach the small model to offload, from the pair before tuning")
    .description(
      "Teach the small model to offload, starting from the pair before tuning. The pair finds the hard spans in traces, and the small model is " +
        "tuned on them. Reinforcement learning, with the big model in the rollouts, then finds out where a tag is worth its price. " +
        "After Ctrl-C, the same command continues.",
    )
    .option("--fast", "take a minute: the same stages, but the model barely begins to learn")
    .option("--from <dir>", "the pair: a folder with small-base and big", filledText, "models/micro")
    .option(
      "--out <dir>",
      "write the folder small here (default: the folder models in --work; models/micro replaces the shipped model)",
      filledText,
    )
    .option(
      "--work <dir>",
      "annotated traces, checkpoints, metrics and rollouts, from which a stopped run continues (default: runs/micro-learn, with --fast runs/micro-learn-fast)",
      filledText,
    )
    .addOption(seedFlag("seed of everything").default(1))
    .addOption(
      threadsFlag("threads of the trainer, and pairs that annotate at the same time").default(
        availableParallelism(),
        "the cores",
      ),
    )
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action((flags: LearnFlags) => learn(terminal, flags));
}

async function learn(terminal: Terminal, flags: LearnFlags): Promise<void> {
  // Loaded here, so that other commands start without the training library.
  const { fastLearning, fullLearning, learnToOffload, published, publishLearned } =
    await import("../../recipes/micro/index.ts");
  const work = flags.work ?? (flags.fast === true ? "runs/micro-learn-fast" : "runs/micro-learn");
  const out = flags.out ?? join(work, "models");
  const { seed, threads, from } = flags;
  const config = flags.fast === true ? fastLearning(seed) : fullLearning(seed);
  const provenance = await readProvenance();
  const display = new RecipeDisplay(terminal);
  let learned;
  try {
    learned = await learnToOffload({
      config,
      base: await published("small-base", join(from, "small-base")),
      big: await published("big", join(from, "big")),
      work,
      threads,
      provenance,
      ...display.hooks,
      signal: terminal.signal,
    });
  } finally {
    display.end();
  }
  if (learned === undefined) {
    throw new SplitReasonError(`stopped; the same command continues from ${work}.`, { code: "aborted" });
  }
  await publishLearned(out, learned, { config, threads, provenance });
  const { annotation, best, seconds } = learned;
  const model = join(out, "small");
  printResult(
    terminal,
    flags,
    { model, annotation, best, seconds },
    () =>
      `${count(annotation.spans)} spans with ${percent(annotation.share)} of the tokens (${duration(seconds.annotation * 1000)}), ` +
      `tuned in ${duration(seconds.tuning * 1000)}, reinforced in ${duration(seconds.reinforcement * 1000)}\n` +
      `best after step ${best.step}: ${scoresLine(best)}\nwritten to ${model}\n`,
  );
}

const HELP = `
Examples:
  splitreason micro learn --fast
  splitreason micro learn --out models/micro        replaces the shipped small model
  splitreason eval micro --small gguf:runs/micro-learn/models/small/model.gguf --small-base micro:small-base
`;
