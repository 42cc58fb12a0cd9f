/** `splitreason data check FILE`: says whether annotated traces are fit for training. */
import { type Command } from "commander";

import { given } from "../../core/given.ts";
import { count } from "../../core/figures.ts";
import { CHECK_DEFAULTS, Checker, type CheckReport } from "../../data/check/checker.ts";
import { isError } from "../../data/check/finding.ts";
import { SourceTexts } from "../../data/check/texts.ts";
import { readOutcomes, readTraces } from "../../data/readers/read-traces.ts";
import { DataError } from "../../core/errors.ts";
import {
  addSourceFlags,
  addTokenizerFlag,
  readOptions,
  ReadProgress,
  type SourceFlags,
  tokenCounting,
} from "./source.ts";
import { SOURCE_HELP, filledText, jsonFlag, realNumber, wholeNumber } from "../support/flags.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { renderTable } from "../support/table.ts";
import { type Paint, printableLine } from "../support/terminal.ts";

interface CheckFlags extends SourceFlags {
  readonly source?: string;
  readonly minShare: number;
  readonly maxShare: number;
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly plain?: boolean;
  readonly tokenizer?: string;
  readonly json?: boolean;
}

export function registerDataCheck(data: Command, { terminal, paint }: CommandContext): void {
  const command = data
    .command("check")
    .summary("say whether annotated traces are fit for training")
    .description(
      "Say whether annotated traces are fit for training: tags pair, spans fit, texts are unchanged, shares and lengths are within bounds, " +
        "no row is a duplicate, answers verify. The exit status is 0 if they are fit and 1 if not.",
    )
    .argument("<file>", SOURCE_HELP)
    .option(
      "--source <file>",
      "the traces before annotation: the texts must be the same, byte for byte",
      filledText,
    )
    .option(
      "--min-share <share>",
      "least share of a trace's tokens in spans",
      realNumber(0, 1),
      CHECK_DEFAULTS.minShare,
    )
    .option(
      "--max-share <share>",
      "largest share of a trace's tokens in spans",
      realNumber(0, 1),
      CHECK_DEFAULTS.maxShare,
    )
    .option("--min-tokens <n>", "shortest chain of thought", wholeNumber(0), CHECK_DEFAULTS.minTokens)
    .option("--max-tokens <n>", "longest chain of thought", wholeNumber(1), CHECK_DEFAULTS.maxTokens)
    .option("--plain", "accept a file without any span");
  addTokenizerFlag(addSourceFlags(command))
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (file: string, flags: CheckFlags) => {
      const { tokenStarts } = await tokenCounting(flags.tokenizer);
      const source = flags.source === undefined ? undefined : await readSource(flags.source, flags);
      // Loaded here: the graders' parser is slow to load.
      const { verifyAnswer } = await import("./verify-answer.ts");
      const { minShare, maxShare, minTokens, maxTokens, plain = false } = flags;
      const checker = new Checker({
        minShare,
        maxShare,
        minTokens,
        maxTokens,
        plain,
        tokenStarts,
        verify: verifyAnswer,
        ...given({ source }),
      });
      const progress = new ReadProgress(terminal);
      try {
        for await (const outcome of readOutcomes(file, readOptions(terminal, flags, progress))) {
          checker.add(outcome);
          progress.row();
        }
      } finally {
        progress.end();
      }
      const report = checker.finish();
      printResult(terminal, flags, { file, ...report }, () => reportText(file, report, paint()));
      if (report.fit) return;
      const errors = report.findings.filter(isError);
      throw new DataError(
        `${file} is not fit for training: ${errors.map(({ kind, rows }) => `${kind} ${count(rows)}`).join(", ")}. ` +
          `Remove these rows or annotate them again.`,
        { code: "data-invalid" },
      );
    });

  async function readSource(spec: string, flags: SourceFlags): Promise<SourceTexts> {
    const texts = new SourceTexts();
    const progress = new ReadProgress(terminal);
    try {
      const { limit: _limit, ...options } = readOptions(terminal, flags, progress);
      // All generations are read, since any of them may have been annotated.
      const all = { ...options, generation: "all", onSkip: () => {} } as const;
      for await (const row of readTraces(spec, all)) {
        texts.add(row.id, row.trace);
        progress.row();
      }
    } finally {
      progress.end();
    }
    return texts;
  }
}

const SHOWN_IDS = 3;

function reportText(file: string, report: CheckReport, paint: Paint): string {
  const { fit, rows, rowsWithSpans, answers, compared, findings } = report;
  const lines = [`${printableLine(file)}: ${count(rows)} rows, ${count(rowsWithSpans)} with spans\n`];
  if (compared !== undefined) lines.push(`${count(compared)} texts compared with the source\n`);
  if (answers !== undefined && rows > answers.none) {
    const { right, wrong, unknown } = answers;
    lines.push(`answers: ${count(right)} right, ${count(wrong)} wrong, ${count(unknown)} not verified\n`);
  }
  if (findings.length > 0) {
    lines.push(
      "\n",
      renderTable(
        [
          { title: "", cell: (finding) => (isError(finding) ? "error" : "warning") },
          { title: "rows", cell: (finding) => count(finding.rows), align: "right" },
          { title: "finding", cell: (finding) => finding.kind },
          { title: "which is", cell: (finding) => finding.meaning },
          {
            title: "row ids",
            cell: ({ ids, rows }) =>
              printableLine(ids.slice(0, SHOWN_IDS).join(", ").slice(0, 120)) +
              (rows > SHOWN_IDS ? ", ..." : ""),
          },
        ],
        findings,
        paint.bold,
      ),
      "\n",
      ...findings.map(({ kind, example, ids }) =>
        paint.dim(`${kind}, row ${printableLine(ids[0] ?? "").slice(0, 80)}: ${printableLine(example)}\n`),
      ),
      "\n",
    );
  }
  lines.push(fit ? paint.green("fit for training\n") : paint.red("not fit for training\n"));
  return lines.join("");
}

const HELP = `
Bounds count the tokens of the chain of thought, the trace up to </think>. --json lists the ids of each finding, up to 1,000.

Examples:
  splitreason data check annotated.jsonl
  splitreason data check annotated.jsonl --source hf:open-r1/OpenR1-Math-220k --max-share 0.4
  splitreason data check annotated.parquet --min-share 0.01 --max-tokens 16384 --json
`;
