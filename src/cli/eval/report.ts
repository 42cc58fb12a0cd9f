/** `splitreason report RUN...`: reports evaluations as a page, as Markdown or as tables. */
import { statSync } from "node:fs";
import { extname, join } from "node:path";

import type { Command } from "commander";

import { given } from "../../core/given.ts";
import { fileSize, points, pValueText } from "../../core/figures.ts";
import { ConfigError } from "../../core/errors.ts";
import { writeFileAtomic } from "../../core/files.ts";
import { buildReport } from "../../eval/report/build.ts";
import { armColumns } from "../../eval/report/columns.ts";
import type { ReportDocument } from "../../eval/report/document.ts";
import { reportMarkdown } from "../../eval/report/markdown.ts";
import type { PageData } from "../../eval/report/page-data.ts";
import { reportPage } from "../../eval/report/page.ts";
import { ROWS_FILE } from "../../eval/rows.ts";
import { filledText, jsonFlag, seedFlag, wholeNumber } from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { renderTable } from "../support/table.ts";
import { type Paint, printableLine, type Terminal } from "../support/terminal.ts";

interface ReportFlags {
  readonly out?: readonly string[];
  readonly names?: string;
  readonly sample: number;
  readonly seed: number;
  readonly json?: boolean;
}

export function registerReport(program: Command, { terminal, paint }: CommandContext): void {
  program
    .command("report")
    .summary("report evaluations as a page and as Markdown")
    .description(
      "Make a report of one or more evaluations: one self-contained page with tables, plots and a reader of traces, and the same in Markdown. " +
        "Without --out, print the tables.",
    )
    .argument("<runs...>", "folders that `eval --out` wrote")
    .option(
      "--out <path>",
      "FILE.html, FILE.md, or a folder for report.html and report.md; may be given more than once",
      (path: string, paths: readonly string[] | undefined) => [...(paths ?? []), filledText(path)],
    )
    .option("--names <list>", "names of the runs, separated by commas (default: their folders)", filledText)
    .option("--sample <n>", "most problems in the page's reader of traces", wholeNumber(0, 5000), 100)
    .addOption(seedFlag("chooses these problems").default(1))
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (folders: string[], flags: ReportFlags) => {
      const outputs = (flags.out ?? []).flatMap(outputsOf);
      const names = flags.names?.split(",").map((name) => name.trim());
      const data = await readRuns(
        terminal,
        folders,
        flags,
        names,
        outputs.some(({ page }) => page),
      );
      const written: string[] = [];
      for (const { path, page } of outputs) {
        const text = page ? await reportPage(data) : reportMarkdown(data.document);
        await writeFileAtomic(path, text);
        written.push(`wrote ${path} (${fileSize(Buffer.byteLength(text))})\n`);
      }
      printResult(terminal, flags, data.document, () => tables(data.document, paint()));
      for (const line of written) terminal.log(line);
    });
}

async function readRuns(
  terminal: Terminal,
  folders: readonly string[],
  { sample, seed }: ReportFlags,
  names: readonly string[] | undefined,
  withTraces: boolean,
): Promise<PageData> {
  const totalBytes = folders.reduce((sum, folder) => sum + sizeOf(join(folder, ROWS_FILE)), 0);
  const progress = new Progress(terminal, "MB of rows");
  let doneBytes = 0;
  progress.start(0);
  try {
    return await buildReport(folders, {
      signal: terminal.signal,
      seed,
      traces: withTraces ? { problems: sample } : { problems: 0 },
      ...given({ names }),
      onBytes: (bytes) => {
        doneBytes += bytes;
        progress.update(doneBytes / 1e6, totalBytes / 1e6);
      },
    });
  } finally {
    progress.end();
  }
}

function outputsOf(path: string): { readonly path: string; readonly page: boolean }[] {
  const extension = extname(path).toLowerCase();
  if (extension === ".html" || extension === ".htm") return [{ path, page: true }];
  if (extension === ".md" || extension === ".markdown") return [{ path, page: false }];
  const found = statSync(path, { throwIfNoEntry: false });
  // A name with the ending of a file means a file, although a folder may have a dot in its name.
  const looksLikeFile =
    found === undefined && /^\.[a-z][a-z0-9]{0,4}$/u.test(extension) && !/[\\/]$/u.test(path);
  if (found?.isFile() === true || looksLikeFile) {
    throw new ConfigError(
      `--out ${path} ${found === undefined ? "ends" : "is a file whose name ends"} in neither .html nor .md: name one of these, or a folder${looksLikeFile ? ` (${path}/)` : ""}.`,
      { code: "usage" },
    );
  }
  return [
    { path: join(path, "report.html"), page: true },
    { path: join(path, "report.md"), page: false },
  ];
}

function tables(document: ReportDocument, paint: Paint): string {
  const { title, comparisons, notes } = document;
  const columns = armColumns(document).map(({ cell, ...column }) => ({
    ...column,
    cell: (arm: ReportDocument["arms"][number]) => printableLine(cell(arm)),
  }));
  const differences = comparisons.map(
    ({ first, second, difference, ci95: [low, high], pValue, control }) =>
      `${printableLine(first)} against ${printableLine(second)}${control ? ", the best control" : ""}: ` +
      `${points(difference)} points (95%: ${points(low)} to ${points(high)}, ${pValueText(pValue)})\n`,
  );
  const warnings = notes.filter(({ level }) => level === "warning");
  return [
    `${paint.bold(printableLine(title))}\n\n`,
    renderTable(columns, document.arms, paint.bold),
    differences.length > 0 ? "\n" : "",
    ...differences,
    warnings.length > 0 ? "\n" : "",
    ...warnings.map(({ text }) => paint.yellow(`${printableLine(text)}\n`)),
  ].join("");
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const HELP = `
The page loads nothing from other hosts: mail it, or put it on any server. Several runs (checkpoints, seeds, other pairs) are merged: their arms
are RUN/ARM. The same arm in two runs of the same problems is compared, paired by problem. --sample needs --out.

Examples:
  splitreason eval micro --problems 500 --out runs/a && splitreason report runs/a --out report.html
  splitreason report runs/a runs/b --names before,after --out runs/report
  splitreason report runs/a --out table.md
  splitreason report runs/a --json > report.json
`;
