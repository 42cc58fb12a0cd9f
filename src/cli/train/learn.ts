/** `splitreason learn`: a pair of models learns to offload on a task, from its own traces to a calibrated pair file. */
import { availableParallelism } from "node:os";
import { join } from "node:path";

import type { Command } from "commander";

import { z } from "zod";

import { checkDocument, readDocument } from "../../core/document.ts";
import { SplitReasonError } from "../../core/errors.ts";
import { count, duration, percent } from "../../core/figures.ts";
import type { DoneStage, LearnConfig } from "../../recipes/learn/index.ts";
import { PAIR_HELP } from "../../recipes/learn/named-pairs.ts";
import { filledText, jsonFlag, threadsFlag } from "../support/flags.ts";
import { hubRows } from "../support/hub-rows.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { LearnDisplay } from "./learn-display.ts";
import type { Terminal } from "../support/terminal.ts";

interface LearnFlags {
  readonly pair: string;
  readonly task?: string;
  readonly fast?: boolean;
  readonly config?: string;
  readonly work?: string;
  readonly threads: number;
  readonly json?: boolean;
}

export function registerLearn(program: Command, { terminal }: CommandContext): void {
  program
    .command("learn")
    .summary("teach a pair to offload: rollouts, sft, grpo and calibrate in one command")
    .description(
      "Teach the small model of a pair to offload. The pair solves training problems, and its right traces become training rows. An adapter " +
        "is tuned on them, and reinforced with the big model in the rollouts. Then the dial is measured. " +
        "A run may take days, in any number of sittings: after Ctrl-C or a kill, the same command continues.",
    )
    .requiredOption("--pair <name>", "the pair (see below)", filledText)
    .option(
      "--task <task>",
      "problems to train on, as in data rollouts, e.g. gsm8k:gsm8k_train.jsonl (default: the pair's own task)",
      filledText,
    )
    .option("--fast", "take a minute or two: the same stages, but the model barely begins to learn")
    .option("--config <file>", "settings of the stages as JSON (docs/training.md)", filledText)
    .option(
      "--work <dir>",
      "problems, traces, checkpoints, metrics, adapters and pair.json, from which a stopped run continues (default: runs/learn-PAIR)",
      filledText,
    )
    .addOption(
      threadsFlag("threads of each model and of the trainer").default(availableParallelism(), "the cores"),
    )
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action((flags: LearnFlags) => run(terminal, flags));
}

async function run(terminal: Terminal, flags: LearnFlags): Promise<void> {
  // Loaded here, so that other commands start without the training library.
  const { learn, namedPair, pairFolder, requireFiles } = await import("../../recipes/learn/index.ts");
  const { signal, clock } = terminal;
  const named = namedPair(flags.pair);
  const config = await configOf(flags);
  const folder = pairFolder(named, terminal.environment);
  await requireFiles(named, folder, signal);
  const work = flags.work ?? join("runs", `learn-${named.name}${flags.fast === true ? "-fast" : ""}`);
  const display = new LearnDisplay(terminal);
  let learned;
  try {
    learned = await learn(
      {
        pair: named.describe(folder),
        task: flags.task ?? named.task,
        config,
        work,
        threads: flags.threads,
      },
      { clock, signal, fetchRows: hubRows(terminal), ...display.hooks },
    );
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new SplitReasonError(`stopped; the same command continues from ${work}.`, {
      code: "aborted",
      cause: error,
    });
  } finally {
    display.end();
  }
  printResult(terminal, flags, learned, () =>
    [
      ...learned.stages.map(stageLine),
      `written to ${learned.pair}: splitreason solve "..." --pair ${learned.pair}\n`,
    ].join(""),
  );
}

const objectSchema = z.record(z.string(), z.unknown(), { error: "it must be a JSON object" });

/** The settings of the file over those of the pair. A stage's settings are replaced as a whole. */
async function configOf({ pair, fast, config: path }: LearnFlags): Promise<LearnConfig> {
  const { FAST_LEARNING, learnConfigSchema, MICRO_LEARNING } = await import("../../recipes/learn/index.ts");
  const own = fast === true ? FAST_LEARNING : pair === "micro" ? MICRO_LEARNING : {};
  const name = `learning configuration${path === undefined ? "" : ` ${path}`}`;
  const file = path === undefined ? {} : await readDocument(path, objectSchema, { name, source: "config" });
  return checkDocument({ ...own, ...file }, learnConfigSchema, { name, source: "config" });
}

function stageLine({ name, seconds, figures }: DoneStage): string {
  const parts = Object.entries(figures).map(([key, value]) => `${key} ${figureText(key, value)}`);
  return `${name}: ${duration(1000 * seconds)}; ${parts.join(", ")}\n`;
}

const SHARES: readonly string[] = ["share", "accuracy"];

function figureText(name: string, value: string | number | null): string {
  if (typeof value !== "number") return value ?? "-";
  if (SHARES.includes(name)) return percent(value);
  return Number.isInteger(value) ? count(value) : value.toFixed(4);
}

const HELP = `
Pairs:
${PAIR_HELP.map(([name, summary]) => `  ${name.padEnd(12)} ${summary}`).join("\n")}
The files of a pair are looked for in SPLITREASON_CACHE (default: ~/.cache/splitreason). Where one is missing, the message says how to make it.

Examples:
  splitreason learn --pair micro --fast
  splitreason learn --pair micro --work runs/learn-micro
  splitreason learn --pair qwen-coder --task gsm8k:gsm8k_train.jsonl

In the work folder: learn.json (which stages are done, and how long each took), rollouts.jsonl, sft/ and grpo/ (metrics, checkpoints, adapters),
calibration.json, pair.json.
`;
