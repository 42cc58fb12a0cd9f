/** `splitreason micro build`: makes the shipped pair from nothing. */
import { availableParallelism } from "node:os";
import { join } from "node:path";

import type { Command } from "commander";

import { count, duration } from "../../core/figures.ts";
import { SplitReasonError } from "../../core/errors.ts";
import { readProvenance } from "../../core/provenance.ts";
import { filledText, jsonFlag, seedFlag, threadsFlag } from "../support/flags.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { RecipeDisplay } from "./recipe-display.ts";
import type { Terminal } from "../support/terminal.ts";

interface BuildFlags {
  readonly fast?: boolean;
  readonly out?: string;
  readonly work?: string;
  readonly seed: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function registerMicroBuild(micro: Command, { terminal }: CommandContext): void {
  micro
    .command("build")
    .summary("make the pair from nothing")
    .description(
      "Make the pair from nothing: train both models from random weights, then teach the small one to offload, as micro learn " +
        "does. The same seed and threads give the same bytes.",
    )
    .option("--fast", "take a few minutes: the same stages, but the models barely begin to learn")
    .option(
      "--out <dir>",
      "write the models here (default: the folder models in --work; models/micro replaces the shipped pair)",
      filledText,
    )
    .option(
      "--work <dir>",
      "checkpoints and metrics, from which a stopped build continues (default: runs/micro-build, with --fast runs/micro-build-fast)",
      filledText,
    )
    .addOption(seedFlag("seed of everything").default(1))
    .addOption(threadsFlag("threads of the whole build").default(availableParallelism(), "the cores"))
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action((flags: BuildFlags) => build(terminal, flags));
}

async function build(terminal: Terminal, flags: BuildFlags): Promise<void> {
  // Loaded here, so that other commands start without the training library.
  const { buildMicroPair, fastBuild, fullBuild } = await import("../../recipes/micro/index.ts");
  const fast = flags.fast === true;
  const work = flags.work ?? (fast ? "runs/micro-build-fast" : "runs/micro-build");
  const out = flags.out ?? join(work, "models");
  const display = new RecipeDisplay(terminal);
  let result;
  try {
    result = await buildMicroPair({
      config: fast ? fastBuild(flags.seed) : fullBuild(flags.seed),
      out,
      work,
      threads: flags.threads,
      provenance: await readProvenance(),
      ...display.hooks,
      onEvaluation: (model, { step, scores }) => {
        const figures = Object.entries(scores).map(([name, value]) => `${name} ${value.toFixed(3)}`);
        display.message(`${model} after ${count(step)} steps: ${figures.join("  ")}`);
      },
      signal: terminal.signal,
    });
  } finally {
    display.end();
  }
  if (result === undefined) {
    throw new SplitReasonError(`stopped; the same command continues from ${work}.`, { code: "aborted" });
  }
  const { parameters, seconds } = result;
  const wholeMs = 1000 * Object.values(seconds).reduce((sum, part) => sum + part, 0);
  printResult(
    terminal,
    flags,
    { out, ...result },
    () =>
      `small ${count(parameters.small)} parameters, big ${count(parameters.big)}; ${duration(wholeMs)}\nwritten to ${out}\n`,
  );
}

const HELP = `
Examples:
  splitreason micro build --fast --out runs/try
  splitreason micro build                           about an hour on two cores
  splitreason micro build --out models/micro        the same; replaces the shipped pair
`;
