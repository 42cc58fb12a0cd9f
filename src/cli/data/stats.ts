/** `splitreason data stats FILE...`: counts how much of the traces is marked, where, and how far annotators agree. */
import type { Command } from "commander";

import { writeFileAtomic } from "../../core/files.ts";
import { Sample } from "../../data/stats/sample.ts";
import { StatisticsBuilder } from "../../data/stats/statistics.ts";
import { readOutcomes } from "../../data/readers/read-traces.ts";
import { pageSample, statisticsPage } from "../../data/stats/page.ts";
import {
  addSourceFlags,
  addTokenizerFlag,
  readOptions,
  ReadProgress,
  type SourceFlags,
  tokenCounting,
} from "./source.ts";
import { statisticsReport } from "./stats-text.ts";
import { SOURCE_HELP, filledText, jsonFlag, seedFlag, wholeNumber } from "../support/flags.ts";
import { type CommandContext, printResult } from "../support/command.ts";

interface StatsFlags extends SourceFlags {
  readonly html?: string;
  readonly sample: number;
  readonly seed: number;
  readonly tokenizer?: string;
  readonly json?: boolean;
}

export function registerDataStats(data: Command, { terminal, paint }: CommandContext): void {
  const command = data
    .command("stats")
    .summary("count what is marked, and compare annotators")
    .description(
      "Count how much of the traces is in spans, where the spans are and how long, by source and by annotator. Rows with the same id from two annotators " +
        "are compared token by token.",
    )
    .argument("<files...>", SOURCE_HELP)
    .option(
      "--html <file>",
      "also write a self-contained page with plots and a reader of annotated traces",
      filledText,
    )
    .option("--sample <n>", "most traces in the page's reader", wholeNumber(0, 5000), 200)
    .addOption(seedFlag("chooses these traces").default(1));
  addTokenizerFlag(addSourceFlags(command))
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (files: string[], flags: StatsFlags) => {
      const statistics = new StatisticsBuilder(await tokenCounting(flags.tokenizer));
      const sample = new Sample({ traces: flags.html === undefined ? 0 : flags.sample }, flags.seed);
      for (const file of files) {
        const progress = new ReadProgress(terminal);
        try {
          for await (const outcome of readOutcomes(file, readOptions(terminal, flags, progress))) {
            progress.row();
            if (statistics.add(outcome, file) && outcome.type === "row") sample.add(outcome.row);
          }
        } finally {
          progress.end();
        }
      }
      const document = statistics.finish();
      if (flags.html !== undefined) {
        await writeFileAtomic(flags.html, await statisticsPage(document, pageSample(sample)));
      }
      const page = flags.html === undefined ? "" : `\npage written to ${flags.html}\n`;
      printResult(terminal, flags, document, () => `${statisticsReport(document, paint())}${page}`);
    });
}

const HELP = `
Only tokens of the chain of thought count: the trace up to </think>.

Examples:
  splitreason data stats annotated.jsonl
  splitreason data stats by-llm.jsonl by-gap.jsonl --html stats.html
  splitreason data stats hf:me/my-traces --json
`;
