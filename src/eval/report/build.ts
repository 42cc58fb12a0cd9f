/** Makes a report from the folders of runs. Rows are read once, as a stream. */
import { hash32 } from "../../core/rng.ts";
import type { EvaluationSummary } from "../summary-schema.ts";
import {
  type AcrossRuns,
  compareAcrossRuns,
  type ComparedArm,
  type RunProblems,
  runNames,
} from "./across-runs.ts";
import { ArmTally } from "./arm-tally.ts";
import type { PriceAxis, ReportArm, ReportComparison, ReportDocument, ReportRun } from "./document.ts";
import { headline } from "./headline.ts";
import { methodNotes, type NotedRun, runNotes } from "./notes.ts";
import type { PageData } from "./page-data.ts";
import { paretoFront } from "./pareto.ts";
import { recordedDigest, RowsDigest } from "../row.ts";
import { openRows, type ReadRowsOptions } from "../rows.ts";
import { readSummary } from "./read-summary.ts";
import { modelsOf, rerunOf, temperatureOf } from "./rerun.ts";
import { TraceSample, type TraceSampleLimits } from "./trace-sample.ts";

export interface ReportOptions extends ReadRowsOptions {
  /** A name for each folder. Default: the last parts of the paths. */
  readonly names?: readonly string[];
  /** Limits of the page's reader. */
  readonly traces?: Partial<TraceSampleLimits>;
  /** Seed that draws the problems of the page's reader. */
  readonly seed?: number;
}

interface ReadRun extends NotedRun {
  readonly problems: RunProblems;
}

/** @throws ConfigError on names that do not fit, DataError when a folder holds no finished run or cannot be read. */
export async function buildReport(
  folders: readonly string[],
  options: ReportOptions = {},
): Promise<PageData> {
  const names = runNames(folders, options.names);
  const traces = new TraceSample(options.traces ?? {}, options.seed ?? 1);
  const runs: ReadRun[] = [];
  const arms: ReportArm[] = [];
  // All summaries first: if one is missing, no rows need to be read.
  const summaries: EvaluationSummary[] = [];
  for (const folder of folders) summaries.push(await readSummary(folder));
  for (const [index, summary] of summaries.entries()) {
    const place = { index, name: names[index] ?? "", folder: folders[index] ?? "", firstArm: arms.length };
    const run = await readRun(summary, place, folders.length > 1, traces, options);
    runs.push(run);
    arms.push(...run.arms);
  }
  return { document: documentOf(runs, names, arms), reader: traces.reader() };
}

async function readRun(
  summary: EvaluationSummary,
  place: {
    readonly index: number;
    readonly name: string;
    readonly folder: string;
    readonly firstArm: number;
  },
  several: boolean,
  traces: TraceSample,
  options: ReadRowsOptions,
): Promise<ReadRun> {
  const { task } = summary;
  const tallies = new Map(summary.arms.map(({ name }) => [name, new ArmTally()]));
  const armPlaces = new Map(summary.arms.map(({ name }, arm) => [name, place.firstArm + arm]));
  const numbers = new Map<string, number>();
  const texts: number[] = [];
  const taskName = `${task.name} ${task.version}`;
  let [read, faults, strayRows] = [0, 0, 0];
  let firstFault: string | undefined;
  const digest = new RowsDigest();
  let isWhole = summary.rowsDigest !== undefined;
  const file = openRows(place.folder, options);
  for await (const line of file.rows) {
    if ("fault" in line) {
      faults += 1;
      firstFault ??= line.fault;
      continue;
    }
    const { row } = line;
    const tally = tallies.get(row.arm);
    if (tally === undefined) {
      strayRows += 1;
      continue;
    }
    read += 1;
    const rowDigest = isWhole ? recordedDigest(row) : undefined;
    if (rowDigest === undefined) isWhole = false;
    else digest.add(rowDigest);
    let number = numbers.get(row.problemId);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(row.problemId, number);
      texts.push(hash32(`${row.problem}\n${row.gold}`));
    }
    tally.add(row, number);
    traces.add(
      JSON.stringify([taskName, row.problemId, texts[number]]),
      task.name,
      row,
      armPlaces.get(row.arm) ?? 0,
    );
  }
  const arms = summary.arms.flatMap((arm) => {
    const label = several ? `${place.name}/${arm.name}` : arm.name;
    return tallies.get(arm.name)?.finish(arm, { label, run: place.index }) ?? [];
  });
  const { execution, rowsDigest, machine, samplesPerProblem, seed, configHash, git, config } = summary;
  const run: ReportRun = {
    name: place.name,
    folder: place.folder,
    task,
    samplesPerProblem,
    seed,
    temperature: temperatureOf(summary),
    configHash,
    git,
    machine,
    ...(execution === undefined ? {} : { execution }),
    models: modelsOf(summary),
    rows: {
      read,
      faults,
      ...(firstFault === undefined ? {} : { firstFault }),
      fileSha256: file.sha256(),
      ...(rowsDigest === undefined ? {} : { digest: rowsDigest }),
    },
    rerun: rerunOf(summary),
    config: JSON.stringify(config, null, 2) ?? "",
  };
  return {
    ...(isWhole ? { digest: digest.value() } : {}),
    run,
    summary,
    arms,
    tallies,
    strayRows,
    problems: { task: taskName, numbers, texts },
  };
}

function documentOf(
  runs: readonly ReadRun[],
  names: readonly string[],
  arms: readonly ReportArm[],
): ReportDocument {
  const across = compareAcrossRuns(
    runs.map(({ problems }) => problems),
    names,
    arms.flatMap(({ label, name, run }): ComparedArm[] => {
      const tally = runs[run]?.tallies.get(name);
      return tally === undefined
        ? []
        : [{ label, name, run, samplesP: tally.samplesP, rightP: tally.rightP }];
    }),
  );
  const comparisons = [...runs.flatMap((run) => comparisonsOf(run)), ...across.comparisons];
  const tasks = [...new Set(runs.map(({ problems }) => problems.task))];
  const { fronts, absent } = frontsOf(arms, tasks.length === 1);
  const several = runs.length > 1;
  return {
    title: titleOf(runs),
    headlines: runs.flatMap((run) => {
      const text = headline(run.summary);
      if (text === undefined) return [];
      return several ? `${run.run.name}: ${text}` : text;
    }),
    runs: runs.map(({ run }) => run),
    arms,
    comparisons,
    fronts,
    absent,
    notes: [
      ...(tasks.length > 1
        ? [
            {
              level: "warning" as const,
              text: `The runs are of different tasks (${tasks.join(", ")}): their accuracies are not comparable, and no front is drawn.`,
            },
          ]
        : []),
      ...runs.flatMap((run) => runNotes(run, several)),
      ...acrossNotes(across),
      ...methodNotes(runs, {
        comparisons: comparisons.length > 0,
        adjusted: comparisons.some(({ pAdjusted }) => pAdjusted !== undefined),
        times: arms.some(({ wallMs }) => wallMs !== undefined),
        flops: arms.some(({ flops }) => flops !== undefined),
      }),
    ],
  };
}

function comparisonsOf({ summary, arms, problems }: ReadRun): ReportComparison[] {
  const labelOf = (name: string): string => arms.find((arm) => arm.name === name)?.label ?? name;
  return summary.comparisons.map(({ first, second, pAdjusted, ...comparison }) => ({
    first: labelOf(first),
    second: labelOf(second),
    kind: "arms",
    problems: problems.numbers.size,
    ...comparison,
    ...(pAdjusted === undefined ? {} : { pAdjusted }),
    control: second === summary.control,
  }));
}

const acrossNotes = ({ reasons }: AcrossRuns): ReportDocument["notes"] =>
  reasons.map((text) => ({ level: "note", text }));

/** Accuracy is drawn against cost in dollars where all arms have it, else against operations. */
function frontsOf(
  arms: readonly ReportArm[],
  comparable: boolean,
): Pick<ReportDocument, "fronts" | "absent"> {
  const fronts: Partial<Record<PriceAxis, readonly number[]>> = {};
  const absent: Partial<Record<PriceAxis, string>> = {};
  const front = (axis: PriceAxis): readonly number[] =>
    comparable
      ? paretoFront(arms.map((arm) => ({ accuracy: arm.accuracy.value, price: arm[axis]?.value })))
      : [];
  fronts.share = front("share");
  if (arms.some(({ wallMs }) => wallMs !== undefined)) fronts.wallMs = front("wallMs");
  else absent.wallMs = "The rows have no times.";
  if (arms.some(({ costUsd }) => costUsd !== undefined)) fronts.costUsd = front("costUsd");
  else if (arms.some(({ flops }) => flops !== undefined)) {
    fronts.flops = front("flops");
    absent.costUsd = "The runs have no prices: operations stand in for dollars.";
  } else {
    absent.costUsd = "The runs have neither prices nor sizes of models: accuracy against cost is left out.";
  }
  return { fronts, absent };
}

function titleOf(runs: readonly ReadRun[]): string {
  const tasks = [...new Set(runs.map(({ run }) => run.task.name))];
  const of = tasks.length > 4 ? `${tasks.length} tasks` : tasks.join(", ");
  return runs.length === 1 ? `Evaluation of ${of}` : `Evaluation of ${of}, ${runs.length} runs`;
}
