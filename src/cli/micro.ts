/** `splitreason micro build`: makes the shipped pair from nothing. */
import { availableParallelism } from "node:os";

import type { Command } from "commander";

import { SplitReasonError } from "../core/errors.ts";
import { readProvenance } from "../core/provenance.ts";
import type { StepMetrics } from "../train/loop.ts";
import { filledText, SEED_MAXIMUM, wholeNumber } from "./flags.ts";
import { Progress } from "./progress.ts";
import type { CommandContext } from "./program.ts";
import { count, duration, percent } from "./table.ts";
import type { Terminal } from "./terminal.ts";

interface BuildFlags {
  readonly fast?: boolean;
  readonly out?: string;
  readonly work?: string;
  readonly seed: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function registerMicro(program: Command, { terminal }: CommandContext): void {
  program
    .command("micro")
    .summary("the micro domain and the pair that ships with the project")
    .description(
      "The micro domain: an AIME in miniature, and the pair of models for it that ships with the project.",
    )
    .command("build")
    .summary("make the pair from nothing")
    .description(
      "Make the pair from nothing: both models are trained from random weights, the pair finds the hard spans in traces, " +
        "and the small one learns to hand them over. The same seed and threads give the same bytes.",
    )
    .option("--fast", "a few minutes: the same steps, models that have barely begun to learn")
    .option(
      "--out <dir>",
      "where the models go (default: models/micro, or runs/micro-fast with --fast)",
      filledText,
    )
    .option(
      "--work <dir>",
      "checkpoints and metrics, to continue from (default: runs/micro-build or -fast)",
      filledText,
    )
    .option("--seed <n>", "of everything", wholeNumber(0, SEED_MAXIMUM), 1)
    .option(
      "--threads <n>",
      "for the whole build (default: the cores)",
      wholeNumber(1, 256),
      availableParallelism(),
    )
    .option("--json", "one JSON document on standard output, nothing else there")
    .addHelpText("after", HELP)
    .action((flags: BuildFlags) => build(terminal, flags));
}

async function build(terminal: Terminal, flags: BuildFlags): Promise<void> {
  // Loaded here: the other commands start faster without the training library.
  const { buildMicroPair, fastBuild, fullBuild } = await import("../recipes/micro/index.ts");
  const fast = flags.fast === true;
  const out = flags.out ?? (fast ? "runs/micro-fast" : "models/micro");
  const work = flags.work ?? (fast ? "runs/micro-build-fast" : "runs/micro-build");
  const display = new BuildDisplay(terminal);
  let result;
  try {
    result = await buildMicroPair({
      config: fast ? fastBuild(flags.seed) : fullBuild(flags.seed),
      out,
      work,
      threads: flags.threads,
      provenance: await readProvenance(),
      onMessage: (message) => display.message(message),
      onStep: (model, metrics) => display.step(model, metrics),
      onEvaluation: (model, { step, scores }) => {
        const figures = Object.entries(scores).map(([name, value]) => `${name} ${value.toFixed(3)}`);
        display.message(`${model} after ${count(step)} steps: ${figures.join("  ")}`);
      },
      onAnnotated: (done, total) => display.annotated(done, total),
      signal: terminal.signal,
    });
  } finally {
    display.end();
  }
  if (result === undefined) {
    throw new SplitReasonError(`stopped; the same command goes on from ${work}.`, { code: "aborted" });
  }
  if (flags.json === true) {
    terminal.out(`${JSON.stringify({ out, ...result }, null, 2)}\n`);
    return;
  }
  const { annotation, parameters, seconds } = result;
  terminal.out(
    `small ${count(parameters.small)} parameters, big ${count(parameters.big)}; ${count(annotation.spans)} spans with ` +
      `${percent(annotation.share)} of the tokens; ${duration(seconds * 1000)}\nwritten to ${out}\n`,
  );
}

/** Messages, and one line of progress for the models that train at the moment. */
class BuildDisplay {
  readonly #terminal: Terminal;
  readonly #latest = new Map<string, StepMetrics>();
  readonly #training: Progress;
  #annotation: Progress | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#training = new Progress(terminal, "");
  }

  message(text: string): void {
    this.end();
    // Models that have finished are of the past.
    this.#latest.clear();
    this.#terminal.log(`${text}\n`);
  }

  step(model: string, metrics: StepMetrics): void {
    this.#latest.set(model, metrics);
    this.#training.show(
      [...this.#latest]
        .map(
          ([name, { step, loss, tokensPerSecond, secondsLeft }]) =>
            `${name} step ${count(step)}, loss ${loss.toFixed(3)}, ${count(tokensPerSecond)} tokens/s, ${duration(secondsLeft * 1000)} left`,
        )
        .join("; "),
    );
  }

  annotated(done: number, total: number): void {
    if (this.#annotation === undefined) {
      this.#annotation = new Progress(this.#terminal, "traces");
      this.#annotation.start(done);
    }
    this.#annotation.update(done, total);
  }

  end(): void {
    this.#training.end();
    this.#annotation?.end();
  }
}

const HELP = `
Examples:
  splitreason micro build --fast --out runs/try
  splitreason micro build --out models/micro        about 50 minutes on two cores
`;
