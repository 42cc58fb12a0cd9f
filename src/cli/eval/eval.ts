/** `splitreason eval TASK`: compares arms on a task, with controls and intervals. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { percent } from "../../core/figures.ts";
import { ConfigError, EngineError } from "../../core/errors.ts";
import {
  ARM_HELP,
  DEFAULT_ARMS,
  DEFAULT_RANDOM_CHUNK,
  expandArms,
  parseArms,
  policyNameOf,
} from "../../eval/arms/arms.ts";
import { unfitArms } from "../../eval/arms/unfit-arms.ts";
import { parseParameters } from "../../eval/cost/compute.ts";
import { loadRates } from "../../eval/cost/prices.ts";
import { evaluate, type EvaluationSettings } from "../../eval/run/evaluate.ts";
import { PARTIAL_ROWS_FILE } from "../../eval/run/journal.ts";
import type { EvaluationSummary } from "../../eval/summary-schema.ts";
import { TASKS } from "../../eval/tasks/index.ts";
import { evaluationReport } from "./summary-text.ts";
import {
  addPairFlags,
  calibrationFlag,
  concurrencyFlag,
  filledText,
  type PairFlags,
  shareFlag,
  wholeNumber,
} from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { pairConfigFrom, requireHonouredFlags, withWantedShare } from "../support/settings.ts";
import { hubRows } from "../support/hub-rows.ts";
import type { Terminal } from "../support/terminal.ts";

interface EvalFlags extends PairFlags {
  readonly arms: string;
  readonly problems?: number;
  readonly samples: number;
  readonly concurrency: number;
  readonly randomChunk: number;
  readonly smallBase?: string;
  readonly share?: number;
  readonly calibration?: string;
  readonly out?: string;
  readonly reproducible?: boolean;
  readonly prices?: string;
  readonly parameters?: string;
}

export function registerEval(program: Command, context: CommandContext): void {
  const command = program
    .command("eval")
    .summary("compare arms on a task")
    .description(
      "Compare arms on a task: accuracy with 95% intervals, the big model's share of the tokens, and the " +
        "difference to the best control, paired by problem.",
    )
    .argument("<task>", "a task: NAME, NAME:FILE.jsonl for a file of its problems, or FILE.jsonl")
    .option("--arms <list>", "the arms, separated by commas (see below)", filledText, DEFAULT_ARMS)
    .option(
      "--problems <n>",
      "how many problems (default: all of a benchmark, 200 of micro)",
      wholeNumber(1, 10_000_000),
    )
    .option(
      "--samples <n>",
      "samples of each problem in each arm; more than one needs a temperature above 0",
      wholeNumber(1, 10_000),
      1,
    )
    .addOption(concurrencyFlag("samples that run at the same time").default(8))
    .option(
      "--random-chunk <tokens>",
      "tokens that one author writes in a row in random arms",
      wholeNumber(1),
      DEFAULT_RANDOM_CHUNK,
    )
    .option("--small-base <spec>", "the small model before tuning, for the arm small", filledText)
    .addOption(
      shareFlag("the big model's share of the tokens in the arm learned, by the small model's calibration"),
    )
    .addOption(calibrationFlag())
    .option("--out <dir>", "write rows.jsonl and summary.json; continues a run that was stopped", filledText)
    .option(
      "--reproducible",
      "with --out: put times and work into measured.jsonl, so that the same seed gives the same rows.jsonl, byte for byte",
    )
    .option(
      "--prices <file>",
      "a price table, YAML or JSON: adds dollars, and joules if it says how many an operation takes",
      filledText,
    )
    .option(
      "--parameters <sizes>",
      "parameters of models that are not files here, to estimate their arithmetic: small=1.5e9,big=32e9",
      filledText,
    );
  addPairFlags(command)
    .addHelpText("after", HELP)
    .action(async (taskName: string, flags: EvalFlags) => {
      const { terminal } = context;
      const ownPair = await pairConfigFrom(flags);
      const unfit = /\ball\b/u.test(flags.arms) ? unfitArms(ownPair) : undefined;
      const arms = parseArms(expandArms(flags.arms, unfit?.names));
      requireHonouredFlags(arms.map(policyNameOf), flags);
      if (flags.reproducible === true && flags.out === undefined) {
        throw new ConfigError("--reproducible is about the files of --out DIR: give both.", {
          code: "usage",
        });
      }
      const rates = flags.prices === undefined ? undefined : await loadRates(flags.prices);
      const sizes = flags.parameters === undefined ? undefined : parseParameters(flags.parameters);
      // Loaded here: the graders' parser is slow to load.
      const { openTask } = await import("../../eval/tasks/open.ts");
      const task = await openTask(taskName, { signal: terminal.signal, fetchRows: hubRows(terminal) });
      const pair = await withWantedShare(ownPair, { ...flags, policy: "learned" });
      if (unfit !== undefined) {
        terminal.log(`note: all leaves out ${unfit.names.join(", ")}: ${unfit.reason}\n`);
      }
      if (flags.samples > 1 && pair.sampling.temperature === 0) {
        terminal.log(
          "note: at temperature 0 all samples of a problem are the same; --temperature 0.6 makes them differ\n",
        );
      }
      const problems = flags.problems ?? task.size ?? DEFAULT_PROBLEMS;
      const { samples, seed, concurrency, threads, context: contextTokens, randomChunk, out } = flags;
      const summary = await evaluateWithProgress(terminal, {
        pair,
        task,
        arms,
        problems,
        samples,
        seed,
        concurrency,
        randomChunk,
        ...given({ threads, context: contextTokens, out }),
        ...(flags.reproducible === true ? { apart: true } : {}),
        ...given({ rates, sizes }),
      });
      printResult(terminal, flags, summary, () => evaluationReport(summary, context.paint()));
      if (out !== undefined) terminal.log(`wrote rows.jsonl and summary.json to ${out}\n`);
      if (summary.arms.every((arm) => arm.failed === arm.samples)) {
        throw new EngineError(`every sample failed; the first: ${summary.arms[0]?.firstError}`, {
          code: "engine-failed",
        });
      }
    });
}

/** Problems of a task that has no end. */
const DEFAULT_PROBLEMS = 200;

/** Runs the evaluation with its progress on standard error. */
export async function evaluateWithProgress(
  terminal: Terminal,
  settings: EvaluationSettings,
): Promise<EvaluationSummary> {
  const progress = new Progress(terminal, "samples");
  const right = new Map(settings.arms.map(({ name }) => [name, { right: 0, all: 0 }]));
  try {
    const { summary } = await evaluate(settings, {
      clock: terminal.clock,
      signal: terminal.signal,
      onStart: (kept, total) => {
        if (kept > 0)
          terminal.log(`continuing: ${kept} of ${total} samples are in ${settings.out} already\n`);
        progress.start(kept, total);
      },
      onTokens: (written) => progress.tokens(written),
      onRow: (row, done, total) => {
        const tally = right.get(row.arm);
        if (tally !== undefined) {
          tally.all += 1;
          if (row.correct) tally.right += 1;
        }
        progress.update(done, total, noteOf(right));
      },
    });
    return summary;
  } catch (error) {
    progress.end();
    if (
      terminal.signal.aborted &&
      settings.out !== undefined &&
      existsSync(join(settings.out, PARTIAL_ROWS_FILE))
    ) {
      terminal.log(`what was done is in ${settings.out}: the same command continues it\n`);
    }
    throw error;
  } finally {
    progress.end();
  }
}

const noteOf = (right: ReadonlyMap<string, { readonly right: number; readonly all: number }>): string =>
  [...right]
    .filter(([, { all }]) => all > 0)
    .map(([name, tally]) => `${name} ${percent(tally.right / tally.all)}`)
    .join(", ");

const HELP = `
Tasks:
${TASKS.map(({ name, description }) => `  ${name.padEnd(14)} ${description}`).join("\n")}
Without a file, a benchmark is read from the Hugging Face hub (HF_ENDPOINT, HF_TOKEN); gpqa-diamond needs a file.
A file has one line {"problem", "answer"} for each problem.

Arms (in all but small, the small model is the tuned one):
${ARM_HELP.map(([name, meaning]) => `  ${name.padEnd(15)} ${meaning}`).join("\n")}
all stands for every arm except random:SHARE and random matched to an arm other than learned. Arms that the pair does not allow are left out of it. The control is the best of small, never and self: a gain is a gain over the control.
docs/evaluating.md defines every figure. A price table, in dollars for a million tokens:
  models:
    small: {prompt: 0.05, cachedPrompt: 0.01, completion: 0.20}
    big: {prompt: 1.00, cachedPrompt: 0.10, completion: 4.00}

Examples:
  splitreason eval micro
  splitreason eval micro --arms learned,random~learned --problems 1000 --out runs/matched
  splitreason eval aime24:aime24.jsonl --samples 4 --temperature 0.6 --pair my-pair.json
  splitreason eval micro --samples 8 --temperature 0.6 --json > result.json
  splitreason eval micro --arms all --problems 2000 --out runs/table
  splitreason eval micro --prices prices.yaml --out runs/priced
  splitreason eval micro --small gguf:my-small.gguf --small-base gguf:before.gguf --big gguf:my-big.gguf
`;
