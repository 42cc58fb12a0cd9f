/** `splitreason data annotate SOURCE`: marks the spans of plain traces that the small model should hand over. */
import { type Command, Option } from "commander";

import { given } from "../../core/given.ts";
import { count, percent } from "../../core/figures.ts";
import { ConfigError, SplitReasonError } from "../../core/errors.ts";
import { ANNOTATORS, type AnnotatorName } from "../../data/annotate/annotator.ts";
import { GAP_DEFAULTS } from "../../data/annotate/gap.ts";
import type { AnnotationProgress, AnnotationSummary } from "../../data/annotate/run.ts";
import { GENERATION_CHOICES } from "../../data/readers/open-r1.ts";
import { type AnnotateFlags, type OpenedAnnotator, openAnnotator } from "./annotators.ts";
import {
  bigFlag,
  concurrencyFlag,
  contextFlag,
  filledText,
  jsonFlag,
  limitFlag,
  pairFlag,
  realNumber,
  shareFlag,
  smallFlag,
  threadsFlag,
  wholeNumber,
  SOURCE_HELP,
} from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import type { Terminal } from "../support/terminal.ts";

export function registerAnnotate(data: Command, { terminal }: CommandContext): void {
  const command = data
    .command("annotate")
    .summary("mark the spans of traces that the big model should write")
    .description(
      "Mark the spans of plain traces that the big model should write. gap marks spans where the small model is surprised and the big " +
        "one is not; both only read. entropy marks spans where the small model is surprised. llm marks spans that a strong model quotes as " +
        "the hardest, over any OpenAI-compatible endpoint. A run that was stopped or killed continues where it was.",
    )
    .argument("<source>", SOURCE_HELP)
    .requiredOption(
      "--out <file>",
      "write the rows here, .jsonl or .parquet; FILE.failed.jsonl and FILE.journal.jsonl come beside it",
      filledText,
    )
    .addOption(new Option("--annotator <name>", "what finds the spans").choices(ANNOTATORS).default("gap"))
    .addOption(
      shareFlag(`wanted share of the traces in spans, 0 to 1 (default: ${GAP_DEFAULTS.share}; llm 0.2)`),
    )
    .option(
      "--merge-distance <chars>",
      `spans at most this far apart become one (default: ${GAP_DEFAULTS.mergeDistance}; llm 10)`,
      wholeNumber(0, 100_000),
    )
    .option(
      "--drop-up-to <chars>",
      "drop traces of at most this many characters (the paper: 1024)",
      wholeNumber(0),
    )
    .option("--retry-failed", "examine again the rows that failed, and no others")
    .addOption(limitFlag("annotate at most so many rows"))
    .addOption(
      new Option("--generation <which>", "which traces to take of a problem with several")
        .choices(GENERATION_CHOICES)
        .default("first-correct"),
    );
  addScoringFlags(command);
  addLlmFlags(command);
  command
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action((source: string, flags: AnnotateFlags) => {
      refuseFlagsOfOthers(command, flags.annotator);
      return run(terminal, source, flags);
    });
}

/** Refuses flags that the chosen annotator does not read. The help of such a flag begins with the annotators that do. */
function refuseFlagsOfOthers(command: Command, annotator: AnnotatorName): void {
  for (const option of command.options) {
    const owners = /^((?:\w+, )*\w+): /u.exec(option.description)?.[1]?.split(", ") ?? [];
    const isOwned = owners.length > 0 && owners.every((owner) => ANNOTATORS.some((name) => name === owner));
    if (!isOwned || owners.includes(annotator)) continue;
    if (command.getOptionValueSource(option.attributeName()) !== "cli") continue;
    throw new ConfigError(
      `${option.long} is for --annotator ${owners.join(" or ")}; the annotator here is ${annotator}.`,
      { code: "usage" },
    );
  }
}

function addScoringFlags(command: Command): void {
  command
    .option(
      "--minimum-gap <nats>",
      "gap, entropy: least score of a word in a span, in nats",
      realNumber(0, 1000),
      GAP_DEFAULTS.minimumGap,
    )
    .option(
      "--smoothing <words>",
      "gap, entropy: average a score with so many words on each side",
      wholeNumber(0, 1000),
      GAP_DEFAULTS.smoothing,
    )
    .option("--scores", "gap, entropy: keep the score of each word in the rows")
    .addOption(pairFlag("gap, entropy: the pair: micro, or a JSON file").default("micro"))
    .addOption(smallFlag("gap, entropy: another small model, e.g. gguf:PATH"))
    .addOption(bigFlag("gap: another big model"))
    .addOption(threadsFlag("gap, entropy: threads of each model"))
    .addOption(
      contextFlag(
        "gap, entropy: longest prompt and trace, in tokens (default: the model's own, at most 8192)",
      ),
    );
}

function addLlmFlags(command: Command): void {
  command
    .option("--endpoint <url>", "llm: the strong model, http://HOST:PORT/v1#MODEL", filledText)
    .option("--key-env <name>", "llm: environment variable that holds the API key", filledText)
    .option("--key-file <file>", "llm: file that holds the API key", filledText)
    .addOption(concurrencyFlag("rows examined at the same time (default: llm 8, others 1)"))
    .option(
      "--requests-per-minute <n>",
      "llm: send at most so many requests a minute",
      realNumber(0.01, 1_000_000),
    )
    .option("--tries <n>", "llm: most requests for one answer, failures included", wholeNumber(1, 100), 6)
    .option("--timeout <seconds>", "llm: longest wait for a whole answer", realNumber(0.1, 86_400), 300)
    .option(
      "--budget-usd <dollars>",
      "llm: stop before more than this is spent; needs both prices",
      realNumber(0, 1e9),
    )
    .option(
      "--budget-tokens <n>",
      "llm: stop before more tokens are used, prompts and answers together",
      wholeNumber(0),
    )
    .option("--price-prompt <dollars>", "llm: price of a million prompt tokens", realNumber(0, 1e6))
    .option("--price-answer <dollars>", "llm: price of a million answer tokens", realNumber(0, 1e6))
    .option(
      "--answer-tokens <n>",
      "llm: tokens of an answer beyond the share; models that think need more",
      wholeNumber(1),
      1024,
    )
    .addOption(
      new Option("--format <form>", "llm: form of an answer; auto finds out once what the server can do")
        .choices(["auto", "schema", "marks"])
        .default("auto"),
    )
    .option(
      "--minimum-similarity <s>",
      "llm: least similarity of a snippet to its place, 0 to 1",
      realNumber(0, 1),
    );
}

async function run(terminal: Terminal, source: string, flags: AnnotateFlags): Promise<void> {
  // Loaded here, so that other commands start without readers, writers and engines.
  const { annotate } = await import("../../data/annotate/run.ts");
  const { readTraces } = await import("../../data/readers/read-traces.ts");
  const { hubAccessFrom } = await import("../../data/hub/calls.ts");
  const progress = new Progress(terminal, "traces");
  const skips = new Map<string, number>();
  await using opened = await openAnnotator(flags, terminal);
  let begun = false;
  let summary: AnnotationSummary;
  try {
    summary = await annotate({
      annotator: opened.annotator,
      rows: () => {
        // The source is read several times; only the last reading is counted.
        skips.clear();
        return readTraces(source, {
          signal: terminal.signal,
          generation: flags.generation,
          hub: hubAccessFrom(terminal.environment),
          onSkip: ({ reason }) => skips.set(reason, (skips.get(reason) ?? 0) + 1),
          ...given({ limit: flags.limit }),
        });
      },
      out: flags.out,
      retryFailed: flags.retryFailed === true,
      ...given({ dropUpTo: flags.dropUpTo }),
      signal: terminal.signal,
      onProgress: (state) => {
        if (!begun) progress.start(state.before);
        begun = true;
        progress.update(state.done, state.total, noteOf(state, opened));
      },
      onStopping: (underWay) => {
        progress.end();
        terminal.log(`stopping: waiting for ${underWay} rows under way; Ctrl-C again does not wait\n`);
      },
    });
  } finally {
    progress.end();
  }
  const report = { ...opened.report(), skipped: Object.fromEntries(skips) };
  const document = { annotator: opened.annotator.name, ...summary, ...report };
  printResult(terminal, flags, document, () => summaryText(summary, document.skipped, opened));
  if (summary.status === "out-of-budget") {
    throw new SplitReasonError(
      `the budget is spent with ${summary.pending} rows left; a larger budget continues from there.`,
      { code: "budget-spent" },
    );
  }
}

function noteOf({ failures }: AnnotationProgress, opened: OpenedAnnotator): string {
  return [opened.note(), listed(failures, "failed")].filter((text) => text !== "").join("; ");
}

const listed = (counts: Readonly<Record<string, number>>, what: string): string =>
  Object.entries(counts).length === 0
    ? ""
    : `${what}: ${Object.entries(counts)
        .map(([kind, number]) => `${count(number)} ${kind}`)
        .join(", ")}`;

function summaryText(
  summary: AnnotationSummary,
  skipped: Readonly<Record<string, number>>,
  opened: OpenedAnnotator,
): string {
  const { rows, annotated, failed, dropped, pending, spans, characterShare, unanswered } = summary;
  return [
    `${count(rows)} rows in: ${count(annotated)} annotated, ${count(failed)} failed, ${count(dropped)} dropped, ${count(pending)} not reached`,
    listed(skipped, "records without a row"),
    `${count(spans)} spans with ${percent(characterShare)} of the characters; written to ${summary.out}`,
    failed === 0
      ? ""
      : `${listed(summary.failures, "failed")}; written to ${summary.failedOut}; --retry-failed tries them again`,
    listed(summary.drops, "dropped"),
    unanswered === 0
      ? ""
      : `${count(unanswered)} requests of killed runs have no recorded answer; they may have been charged`,
    opened.text(),
  ]
    .filter((line) => line !== "")
    .map((line) => `${line}\n`)
    .join("");
}

const HELP = `
Examples:
  splitreason data annotate traces.jsonl --share 0.06 --out annotated.jsonl
  splitreason data annotate traces.jsonl --annotator entropy --small gguf:small.gguf --out annotated.jsonl
  splitreason data annotate hf:open-r1/OpenR1-Math-220k/default:train --limit 18000 --drop-up-to 1024 --annotator llm \\
    --endpoint https://api.deepseek.com/v1#deepseek-chat --key-env DEEPSEEK_API_KEY \\
    --budget-usd 40 --price-prompt 0.28 --price-answer 0.42 --out annotated.jsonl
  splitreason train sft --model runs/small/model --data annotated.jsonl --out runs/tuned

Answers and scores are kept in FILE.journal.jsonl. After Ctrl-C, a kill or a spent budget, the same command continues and asks for nothing twice.
With another --share (gap, entropy) or --minimum-similarity (llm) it gives other spans without asking any model.
`;
