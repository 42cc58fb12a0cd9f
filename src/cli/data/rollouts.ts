/** `splitreason data rollouts TASK`: a pair solves training problems, and its right traces become annotated rows. */
import { type Command, Option } from "commander";

import { count, percent } from "../../core/figures.ts";
import { given } from "../../core/given.ts";
import { ConfigError, SplitReasonError } from "../../core/errors.ts";
import { parsePolicySpec } from "../../decode/index.ts";
import type { RolloutSummary } from "../../recipes/rollouts/index.ts";
import { GRAINS, type Grain } from "../../recipes/rollouts/grain.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import {
  addPairFlags,
  concurrencyFlag,
  filledText,
  type PairFlags,
  POLICY_LIST,
  realNumber,
  wholeNumber,
} from "../support/flags.ts";
import { hubRows } from "../support/hub-rows.ts";
import { Progress } from "../support/progress.ts";
import { RolloutLine } from "../support/rollout-line.ts";
import { pairConfigFrom, requireHonouredFlags } from "../support/settings.ts";
import type { Terminal } from "../support/terminal.ts";

interface RolloutFlags extends PairFlags {
  readonly out: string;
  readonly policy: string;
  readonly problems?: number;
  readonly samples: number;
  readonly grain: Grain;
  readonly keep?: number;
  readonly minShare: number;
  readonly maxShare: number;
  readonly unaided: boolean;
  readonly concurrency: number;
  readonly budgetSamples?: number;
  readonly budgetTokens?: number;
  readonly budgetMinutes?: number;
}

/** Problems of a task that has no end. */
const DEFAULT_PROBLEMS = 1000;
/** Where the pair's own temperature is 0: all samples of a problem would be the same. */
const DEFAULT_TEMPERATURE = 0.6;

export function registerRollouts(data: Command, { terminal }: CommandContext): void {
  const command = data
    .command("rollouts")
    .summary("let the pair solve training problems, and keep its right traces as annotated rows")
    .description(
      "Let the pair solve training problems under a policy that needs no training. Wrong answers are dropped. In the right traces, what the " +
        "big model wrote becomes the spans. So text and hand-offs are those of the small model's own writing. A run that was stopped or " +
        "killed continues where it was.",
    )
    .argument(
      "<task>",
      "problems to train on: micro, gsm8k, NAME:FILE.jsonl for a file of a task's problems, or FILE.jsonl",
    )
    .requiredOption(
      "--out <file>",
      "write the rows here, .jsonl or .parquet; FILE.journal.jsonl comes beside it",
      filledText,
    )
    .option(
      "--policy <name>",
      "who decides which model writes (see below), options after colons, e.g. rewrite:step=sentence",
      filledText,
      "rewrite:step=clause",
    )
    .option(
      "--problems <n>",
      `how many problems (default: all of a file or benchmark, ${DEFAULT_PROBLEMS} of micro)`,
      wholeNumber(1, 10_000_000),
    )
    .option("--samples <n>", "samples of each problem", wholeNumber(1, 10_000), 4)
    .addOption(
      new Option("--grain <unit>", "widen what the big model wrote to whole units; token leaves it as it is")
        .choices(GRAINS)
        .default("word"),
    )
    .option("--keep <n>", "most rows of a problem; those with the least help first", wholeNumber(1))
    .option(
      "--min-share <share>",
      "least share of the big model in a trace with a hand-off",
      realNumber(0, 1),
      0,
    )
    .option("--max-share <share>", "largest share of the big model in a trace", realNumber(0, 1), 1)
    .option("--no-unaided", "drop traces without a hand-off; they teach when not to ask")
    .addOption(concurrencyFlag("samples that are decoded together").default(8))
    .option(
      "--budget-samples <n>",
      "begin no further sample after so many, earlier runs included",
      wholeNumber(1),
    )
    .option(
      "--budget-tokens <n>",
      "begin no further sample after so many tokens, earlier runs included",
      wholeNumber(1),
    )
    .option(
      "--budget-minutes <n>",
      "begin no further sample after so many minutes of this run",
      realNumber(0.01, 1e6),
    );
  addPairFlags(command)
    .addHelpText("after", HELP)
    .action((task: string, flags: RolloutFlags) => run(terminal, task, flags));
}

async function run(terminal: Terminal, taskName: string, flags: RolloutFlags): Promise<void> {
  const { minShare, maxShare } = flags;
  if (minShare > maxShare) {
    throw new ConfigError(`--min-share ${minShare} is above --max-share ${maxShare}.`, { code: "usage" });
  }
  requireHonouredFlags([parsePolicySpec(flags.policy).name], flags);
  // Loaded here, so that other commands start without engines and graders.
  const { makeRollouts, openTrainingTask } = await import("../../recipes/rollouts/index.ts");
  const config = await pairConfigFrom(flags);
  const { sampling } = config;
  const temperature =
    flags.temperature ?? (sampling.temperature > 0 ? sampling.temperature : DEFAULT_TEMPERATURE);
  if (temperature === 0 && flags.samples > 1) {
    throw new ConfigError(
      `--temperature 0 gives ${flags.samples} times the same sample: give --samples 1, or a temperature above 0.`,
      { code: "usage" },
    );
  }
  const task = await openTrainingTask(taskName, { signal: terminal.signal, fetchRows: hubRows(terminal) });
  const {
    policy,
    samples,
    seed,
    grain,
    concurrency,
    threads,
    context: contextTokens,
    out,
    unaided,
    keep = samples,
  } = flags;
  const { budgetSamples, budgetTokens, budgetMinutes } = flags;
  const progress = new Progress(terminal, "samples");
  const line = new RolloutLine(terminal, progress);
  let hasBegun = false;
  let summary: RolloutSummary;
  try {
    summary = await makeRollouts(
      {
        task,
        pair: { ...config, sampling: { ...sampling, temperature } },
        policy,
        problems: flags.problems ?? task.size ?? DEFAULT_PROBLEMS,
        samples,
        seed,
        grain,
        choice: { keep, minShare, maxShare, unaided },
        budget: {
          ...given({ samples: budgetSamples, tokens: budgetTokens }),
          ...(budgetMinutes === undefined ? {} : { timeMs: budgetMinutes * 60_000 }),
        },
        concurrency,
        ...given({ threads, context: contextTokens }),
        out,
      },
      {
        clock: terminal.clock,
        signal: terminal.signal,
        onProgress: (rollouts) => {
          if (!hasBegun && rollouts.before > 0)
            progress.message(
              `continuing: ${count(rollouts.before)} of ${count(rollouts.wanted)} samples are in the journal`,
            );
          hasBegun = true;
          line.update(rollouts);
        },
      },
    );
  } finally {
    progress.end();
  }
  printResult(terminal, flags, summary, () => summaryText(summary));
  if (summary.status === "out-of-budget") {
    throw new SplitReasonError(
      `the budget is spent with ${summary.wanted - summary.samples} samples left; the same command with a larger budget continues.`,
      { code: "budget-spent" },
    );
  }
}

function summaryText(summary: RolloutSummary): string {
  const { problems, samples, wanted, right, rows, unaided, rejected, failed, firstError, tokens } = summary;
  const reasons = Object.entries(rejected).map(([reason, number]) => `${count(number)} ${reason}`);
  const { spanShare, tokensPerSecond } = summary;
  return [
    `${count(samples)} of ${count(wanted)} samples of ${count(problems)} problems, ${count(right)} right`,
    `${count(rows)} rows, ${count(unaided)} of them without a hand-off; written to ${summary.out}`,
    reasons.length === 0 ? "" : `not taken: ${reasons.join(", ")}`,
    `${count(summary.spans)} spans, ${summary.spansPerRow.toFixed(2)} a row; the big model wrote ${percent(summary.share)} of the tokens` +
      (spanShare === undefined ? "" : `, ${percent(spanShare)} are in spans`),
    tokens.other === 0
      ? ""
      : `${count(tokens.other)} rows encode to other tokens than were sampled; their text is the same`,
    failed === 0
      ? ""
      : `${count(failed)} samples failed, the first: ${firstError}; the same command tries them again`,
    tokensPerSecond === undefined ? "" : `${count(tokensPerSecond)} tokens a second`,
  ]
    .filter((line) => line !== "")
    .map((line) => `${line}\n`)
    .join("");
}

const HELP = `
${POLICY_LIST}
Take one that uses both models and needs no training: rewrite, step-score, entropy, random, cue, logprob-select, call-n.

Examples:
  splitreason data rollouts micro --small micro:small-base --policy rewrite:step=sentence --out rollouts.jsonl
  splitreason data rollouts gsm8k:gsm8k_train.jsonl --pair my-pair.json --problems 500 --max-share 0.3 --out rollouts.jsonl
  splitreason train sft --model runs/small/model --data rollouts.jsonl --out runs/tuned

Samples are kept in FILE.journal.jsonl as they end. After Ctrl-C, a kill or a spent budget the same command continues. More --problems or
--samples continue it too. Another --grain, --keep, --min-share, --max-share or --no-unaided writes other rows without asking any model.
`;
