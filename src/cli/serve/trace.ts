/** `splitreason trace FILE`: prints recorded traces (rollouts of `train grpo`, rows of `eval --out`) in colour. */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";

import type { Command } from "commander";
import { z } from "zod";

import { count, percent } from "../../core/figures.ts";
import { ConfigError, DataError } from "../../core/errors.ts";
import { readJsonLines } from "../../core/json-lines.ts";
import { filledText, jsonFlag, limitFlag, wholeNumber } from "../support/flags.ts";
import { type CommandContext, jsonText } from "../support/command.ts";
import { type Paint, printable, printableLine, type Terminal } from "../support/terminal.ts";
import { TraceView } from "./trace-view.ts";

/** Loose, so that `--json` prints rows as they were recorded. */
const rowSchema = z.looseObject({
  problemId: z.string(),
  segments: z.array(
    z.looseObject({ author: z.enum(["small", "big"]), text: z.string(), tokens: z.number().nonnegative() }),
  ),
  correct: z.boolean().optional(),
  problem: z.string().optional(),
  arm: z.string().optional(),
  step: z.number().optional(),
  member: z.number().optional(),
  sample: z.number().optional(),
});

type RecordedTrace = z.output<typeof rowSchema>;

interface TraceFlags {
  readonly limit: number;
  readonly skip: number;
  readonly arm?: string;
  readonly problem?: string;
  readonly wrong?: boolean;
  readonly json?: boolean;
}

export function registerTrace(program: Command, { terminal, paint }: CommandContext): void {
  program
    .command("trace")
    .summary("print recorded traces in colour")
    .description(
      "Print recorded traces: rollouts.jsonl of a training run, or rows.jsonl of an evaluation. Each author has a colour.",
    )
    .argument("<file>", "JSON Lines with problemId and segments", filledText)
    .addOption(limitFlag("print at most so many traces").default(5))
    .option("--skip <n>", "leave out the first n of the traces that match", wholeNumber(0), 0)
    .option("--arm <name>", "only traces of this arm", filledText)
    .option("--problem <id>", "only traces of this problem", filledText)
    .option("--wrong", "only traces with a wrong answer")
    .addOption(jsonFlag("print the rows as one JSON document"))
    .addHelpText("after", HELP)
    .action((file: string, flags: TraceFlags) => printTraces(terminal, paint(), file, flags));
}

async function printTraces(terminal: Terminal, paint: Paint, file: string, flags: TraceFlags): Promise<void> {
  refuseFolder(file);
  const rows = await readJsonLines(file, rowSchema);
  if (rows.length === 0) throw new DataError(`${file} has no traces.`, { code: "data-invalid" });
  const arms = [...new Set(rows.flatMap(({ arm }) => arm ?? []))];
  if (flags.arm !== undefined && !arms.includes(flags.arm)) {
    const known = arms.length === 0 ? "its traces name none" : `there are ${arms.join(", ")}`;
    throw new ConfigError(`${file} has no arm ${JSON.stringify(flags.arm)}; ${known}.`, { code: "usage" });
  }
  const matching = rows.filter(
    (row) =>
      (flags.arm === undefined || row.arm === flags.arm) &&
      (flags.problem === undefined || row.problemId === flags.problem) &&
      (flags.wrong !== true || row.correct === false),
  );
  const shown = matching.slice(flags.skip, flags.skip + flags.limit);
  if (shown.length === 0) {
    throw new DataError(
      `${file} has ${rows.length} traces, ${matching.length} of them match, and none is left after --skip ${flags.skip}.`,
      { code: "data-invalid" },
    );
  }
  if (flags.json === true) {
    terminal.out(jsonText(shown));
    return;
  }
  for (const row of shown) printTrace(terminal, paint, row);
  const left = matching.length - flags.skip - shown.length;
  if (left > 0) terminal.log(`${count(left)} more: --skip ${flags.skip + shown.length}\n`);
}

/** Files of a run's folder that may hold traces. */
const TRACE_FILES: readonly string[] = ["rows.jsonl", "rows.partial.jsonl", "rollouts.jsonl"];

function refuseFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  const found = TRACE_FILES.map((name) => join(path, name)).filter((candidate) => existsSync(candidate));
  const advice =
    found.length === 0
      ? "it holds neither rows.jsonl nor rollouts.jsonl; give a file of traces"
      : `give ${found.join(" or ")}`;
  throw new ConfigError(`${path} is a folder: ${advice}.`, { code: "usage" });
}

function printTrace(terminal: Terminal, paint: Paint, row: RecordedTrace): void {
  const big = row.segments.reduce((sum, { author, tokens }) => sum + (author === "big" ? tokens : 0), 0);
  const all = row.segments.reduce((sum, { tokens }) => sum + tokens, 0);
  const about = [
    row.step === undefined ? "" : `step ${row.step}`,
    row.arm ?? "",
    row.problemId,
    row.member === undefined ? "" : `member ${row.member}`,
    row.sample === undefined ? "" : `sample ${row.sample}`,
    `${count(all)} tokens, big ${percent(all === 0 ? 0 : big / all)}`,
  ].filter((part) => part !== "");
  const verdict = row.correct === undefined ? "" : row.correct ? paint.green("right") : paint.red("wrong");
  terminal.out(`${paint.bold(printableLine(about.join(", ")))} ${verdict}\n`);
  if (row.problem !== undefined) terminal.out(`${paint.dim(printable(row.problem))}\n`);
  const view = new TraceView((text) => terminal.out(text), paint);
  for (const { author, text } of row.segments) view.push({ type: "segment-delta", author, text, tokens: [] });
  view.end();
}

const HELP = `
Examples:
  splitreason trace runs/grpo/rollouts.jsonl
  splitreason eval micro --problems 50 --out runs/eval && splitreason trace runs/eval/rows.jsonl --arm learned --wrong
`;
