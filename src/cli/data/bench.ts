/** `splitreason data bench`: measures the speed and memory of reading, checking, counting and writing rows. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Command, InvalidArgumentError } from "commander";

import { count, duration, fileSize } from "../../core/figures.ts";
import { Checker } from "../../data/check/checker.ts";
import { readOutcomes } from "../../data/readers/read-traces.ts";
import { StatisticsBuilder } from "../../data/stats/statistics.ts";
import { openRowWriter } from "../../data/writers/row-writer.ts";
import { TRACE_COLUMNS } from "../../data/writers/parquet-schema.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import { SyntheticTraces } from "../../data/synthetic.ts";
import { jsonFlag, seedFlag, wholeNumber } from "../support/flags.ts";
import { Progress } from "../support/progress.ts";
import { type CommandContext, printResult } from "../support/command.ts";
import { renderTable } from "../support/table.ts";

interface BenchFlags {
  readonly rows: readonly number[];
  readonly tokens: number;
  readonly seed: number;
  readonly json?: boolean;
}

const STAGES = [
  "write jsonl",
  "jsonl to parquet",
  "check jsonl",
  "stats jsonl",
  "check and stats parquet",
  "parquet to jsonl",
] as const;

interface StageResult {
  readonly stage: string;
  readonly rows: number;
  readonly ms: number;
  readonly rowsPerSecond: number;
  /** Rows a second of processor time, all threads. A busy machine changes it little. */
  readonly rowsPerCpuSecond: number;
  /** Largest resident memory of the process so far, earlier stages and sizes included. */
  readonly peakBytes: number;
}

interface SizeResult {
  readonly rows: number;
  readonly jsonlBytes: number;
  readonly parquetBytes: number;
  readonly stages: readonly StageResult[];
}

export function registerDataBench(data: Command, { terminal, paint }: CommandContext): void {
  data
    .command("bench")
    .summary("measure speed and memory of the data commands")
    .description(
      "Make synthetic traces, then write, read, check and count them as the commands do. Sizes run one after the other in one process, the smallest " +
        "first: if memory grew with the number of rows, the peak of the larger size would show it.",
    )
    .option("--rows <n,n>", "the sizes: how many traces", sizes, [5000, 20_000])
    .option(
      "--tokens <n>",
      "tokens of each trace (words, digits and signs)",
      wholeNumber(10, 1_000_000),
      4000,
    )
    .addOption(seedFlag("seed of the texts").default(1))
    .addOption(jsonFlag())
    .addHelpText("after", HELP)
    .action(async (flags: BenchFlags) => {
      const results: SizeResult[] = [];
      for (const rows of flags.rows.toSorted((left, right) => left - right))
        results.push(await measure(rows, flags));
      const [smallest, largest] = [results[0], results.at(-1)];
      const growth =
        smallest === undefined || largest === undefined || smallest === largest
          ? undefined
          : peakOf(largest) / peakOf(smallest);
      const document = {
        tokens: flags.tokens,
        seed: flags.seed,
        node: process.version,
        peakGrowth: growth,
        sizes: results,
      };
      printResult(terminal, flags, document, () => report(results, growth));
    });

  async function measure(rows: number, { tokens, seed }: BenchFlags): Promise<SizeResult> {
    const folder = await mkdtemp(join(tmpdir(), "splitreason-bench-"));
    const progress = new Progress(terminal, `rows (${count(rows)} traces in ${STAGES.length} stages)`);
    const jsonl = join(folder, "rows.jsonl");
    const parquet = join(folder, "rows.parquet");
    const stages: StageResult[] = [];
    const traces = new SyntheticTraces({ rows, tokens, seed });

    const stage = async (run: (step: () => void) => Promise<void>): Promise<void> => {
      const name = STAGES[stages.length] ?? "";
      const before = stages.length * rows;
      let done = 0;
      const startMs = terminal.clock.nowMs();
      const startCpu = process.cpuUsage();
      await run(() => {
        terminal.signal.throwIfAborted();
        done += 1;
        progress.update(before + done, STAGES.length * rows, name);
      });
      const ms = terminal.clock.nowMs() - startMs;
      const { user, system } = process.cpuUsage(startCpu);
      // Node reports kilobytes on every system.
      const peakBytes = process.resourceUsage().maxRSS * 1024;
      stages.push({
        stage: name,
        rows: done,
        ms,
        rowsPerSecond: (1000 * done) / ms,
        rowsPerCpuSecond: (1e6 * done) / (user + system),
        peakBytes,
      });
    };
    const copy = (from: AsyncIterable<TraceRow>, to: string) =>
      stage(async (step) => {
        const writer = await openRowWriter(to, TRACE_COLUMNS);
        try {
          for await (const row of from) {
            await writer.write(row);
            step();
          }
          await writer.close();
        } finally {
          await writer.abort();
        }
      });
    const judge = (from: string, judges: readonly (Checker | StatisticsBuilder)[]) =>
      stage(async (step) => {
        for await (const outcome of readOutcomes(from, { signal: terminal.signal })) {
          for (const judge of judges) {
            if (judge instanceof Checker) judge.add(outcome);
            else judge.add(outcome, from);
          }
          step();
        }
        for (const judge of judges) judge.finish();
      });

    try {
      progress.start(0);
      await copy(traces.stream(), jsonl);
      await copy(rowsOf(jsonl), parquet);
      await judge(jsonl, [new Checker()]);
      await judge(jsonl, [new StatisticsBuilder()]);
      await judge(parquet, [new Checker(), new StatisticsBuilder()]);
      await copy(rowsOf(parquet), join(folder, "again.jsonl"));
      return {
        rows,
        jsonlBytes: (await stat(jsonl)).size,
        parquetBytes: (await stat(parquet)).size,
        stages,
      };
    } finally {
      progress.end();
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function* rowsOf(path: string): AsyncGenerator<TraceRow> {
    for await (const outcome of readOutcomes(path, { signal: terminal.signal })) {
      if (outcome.type === "row") yield outcome.row;
    }
  }

  function report(results: readonly SizeResult[], growth: number | undefined): string {
    const lines = results.flatMap(({ rows, jsonlBytes, parquetBytes, stages }) => [
      `${paint().bold(`${count(rows)} traces`)}: JSON Lines ${fileSize(jsonlBytes)}, parquet ${fileSize(parquetBytes)}\n`,
      renderTable(
        [
          { title: "stage", cell: ({ stage }: StageResult) => stage },
          { title: "rows/s", cell: ({ rowsPerSecond }) => count(rowsPerSecond), align: "right" },
          { title: "rows/CPU s", cell: ({ rowsPerCpuSecond }) => count(rowsPerCpuSecond), align: "right" },
          { title: "time", cell: ({ ms }) => duration(ms), align: "right" },
          { title: "peak memory", cell: ({ peakBytes }) => fileSize(peakBytes), align: "right" },
        ],
        stages,
        paint().bold,
      ),
      "\n",
    ]);
    if (growth !== undefined)
      lines.push(`peak memory of the largest size: ${growth.toFixed(2)} times that of the smallest\n`);
    return lines.join("");
  }
}

const peakOf = ({ stages }: SizeResult): number => Math.max(...stages.map(({ peakBytes }) => peakBytes));

function sizes(text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.every((value) => Number.isInteger(value) && value >= 1 && value <= 10_000_000)) return values;
  throw new InvalidArgumentError("It must be whole numbers of at least 1, separated by commas.");
}

const HELP = `
Examples:
  splitreason data bench
  splitreason data bench --rows 1000,4000 --tokens 16000 --json
`;
