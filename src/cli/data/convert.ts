/** `splitreason data convert SOURCE`: reads traces from anywhere into one file of rows. */
import type { Command } from "commander";

import { count } from "../../core/figures.ts";
import { readTraces } from "../../data/readers/read-traces.ts";
import type { ReadOutcome } from "../../data/readers/rows.ts";
import { openRowWriter, writeRows } from "../../data/writers/row-writer.ts";
import { TRACE_COLUMNS } from "../../data/writers/parquet-schema.ts";
import { addSourceFlags, readOptions, ReadProgress, type SourceFlags } from "./source.ts";
import { SOURCE_HELP, filledText, jsonFlag } from "../support/flags.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { printableLine, type Terminal } from "../support/terminal.ts";

interface ConvertFlags extends SourceFlags {
  readonly out: string;
  readonly json?: boolean;
}

export function registerDataConvert(data: Command, { terminal }: CommandContext): void {
  addSourceFlags(
    data
      .command("convert")
      .summary("read traces from anywhere into JSON Lines or parquet")
      .description(
        "Read traces from files or from the Hugging Face hub and write them as rows: id, problem, trace, and what else is known of each.",
      )
      .argument("<source>", SOURCE_HELP)
      .requiredOption("--out <file>", "FILE.jsonl or FILE.parquet", filledText),
  )
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (source: string, flags: ConvertFlags) => {
      const skips = new Skips();
      const progress = new ReadProgress(terminal);
      let rows: number;
      try {
        const traces = readTraces(source, { ...readOptions(terminal, flags, progress), onSkip: skips.add });
        rows = await writeRows(await openRowWriter(flags.out, TRACE_COLUMNS), counted(traces, progress));
      } finally {
        progress.end();
      }
      skips.log(terminal);
      const document = { source, rows, skipped: skips.counts, out: flags.out };
      printResult(terminal, flags, document, () => `${count(rows)} rows written to ${flags.out}\n`);
    });
}

export async function* counted<Row>(rows: AsyncIterable<Row>, progress: ReadProgress): AsyncGenerator<Row> {
  for await (const row of rows) {
    progress.row();
    yield row;
  }
}

/** Counts records that gave no row, by reason, and keeps the first of each. */
class Skips {
  readonly counts: Record<string, number> = {};
  readonly #first = new Map<string, string>();

  readonly add = ({ reason, place, message }: Extract<ReadOutcome, { type: "skipped" }>): void => {
    this.counts[reason] = (this.counts[reason] ?? 0) + 1;
    if (!this.#first.has(reason)) this.#first.set(reason, `${place}: ${message}`);
  };

  /** Logs one line for each reason, so that nothing is left out silently. */
  log(terminal: Terminal): void {
    for (const [reason, rows] of Object.entries(this.counts)) {
      terminal.log(
        `${count(rows)} records gave no row (${reason}); the first: ${printableLine(this.#first.get(reason) ?? "")}\n`,
      );
    }
  }
}

const HELP = `
Examples:
  splitreason data convert hf:open-r1/OpenR1-Math-220k --limit 18000 --out traces.jsonl
  splitreason data convert downloaded/ --generation all-correct --out traces.parquet

HF_TOKEN gives access to private and gated data sets; HF_ENDPOINT names another hub.
`;
