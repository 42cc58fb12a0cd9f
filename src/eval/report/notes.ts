/** Notes that a reader needs before believing the figures of a report. */
import { count, percent } from "../../core/figures.ts";
import type { EvaluationSummary } from "../summary-schema.ts";
import type { ArmTally } from "./arm-tally.ts";
import type { ReportArm, ReportNote, ReportRun } from "./document.ts";

export interface NotedRun {
  readonly run: ReportRun;
  readonly summary: EvaluationSummary;
  readonly arms: readonly ReportArm[];
  readonly tallies: ReadonlyMap<string, ArmTally>;
  /** Rows of arms that the summary does not have. */
  readonly strayRows: number;
  /** Digest of the outcomes of the rows that were read; undefined if some row has no whole outcome. */
  readonly digest?: string;
}

const warning = (text: string): ReportNote => ({ level: "warning", text });
const note = (text: string): ReportNote => ({ level: "note", text });

/** Notes on one run. `several`: whether the report has other runs. */
export function runNotes(noted: NotedRun, several: boolean): ReportNote[] {
  const of = several ? `${noted.run.name}: ` : "";
  return [
    ...fileNotes(noted).map((text) => warning(of + text)),
    ...sampleNotes(noted).map((text) => warning(of + text)),
    ...settingNotes(noted).map((text) => note(of + text)),
  ];
}

function fileNotes({ run, summary, tallies, strayRows, digest }: NotedRun): string[] {
  const words: string[] = [];
  const { faults, firstFault } = run.rows;
  if (faults > 0) {
    words.push(
      `${count(faults)} ${faults === 1 ? "line" : "lines"} of rows.jsonl cannot be used and ${faults === 1 ? "is" : "are"} left out of all figures from rows. The first: ${firstFault}.`,
    );
  }
  if (strayRows > 0) {
    words.push(`${count(strayRows)} rows belong to arms that summary.json does not have and are left out.`);
  }
  const differing = summary.arms.filter((arm) => {
    const tally = tallies.get(arm.name);
    return (
      tally === undefined ||
      tally.rows !== arm.samples ||
      Math.abs(tally.right / Math.max(1, tally.rows) - arm.accuracy) > 1e-9 ||
      tally.smallTokens !== arm.smallTokens ||
      tally.bigTokens !== arm.bigTokens
    );
  });
  const [first] = differing;
  if (first !== undefined) {
    const tally = tallies.get(first.name);
    words.push(
      `rows.jsonl and summary.json do not agree on ${names(differing)}: of ${first.name} there are ${count(tally?.rows ?? 0)} rows with ${count(tally?.right ?? 0)} right, the summary has ${count(first.samples)} with ${percent(first.accuracy)}. Tables follow the summary. Spans, traces and the intervals of shares and times follow the rows.`,
    );
  } else if (digest !== undefined && summary.rowsDigest !== undefined && digest !== summary.rowsDigest) {
    words.push("rows.jsonl was changed after summary.json was made from it: their digests differ.");
  }
  return words;
}

function sampleNotes({ summary, arms }: NotedRun): string[] {
  const words: string[] = [];
  for (const arm of summary.arms) {
    const label = arms.find(({ name }) => name === arm.name)?.name ?? arm.name;
    if (arm.failed > 0) {
      words.push(
        `${label}: ${count(arm.failed)} of ${count(arm.samples)} samples failed and count as wrong; the first: ${short(arm.firstError ?? "no reason given")}.`,
      );
    }
    if (arm.degraded > 0) {
      words.push(
        `${label}: in ${count(arm.degraded)} of ${count(arm.samples)} samples the big model was lost, and the small one continued.`,
      );
    }
    const long = (arm.finishReasons["length"] ?? 0) + (arm.finishReasons["context-full"] ?? 0);
    if (long > 0) {
      const unanswered = arm.cut === undefined ? "" : `, ${count(arm.cut)} of them before an answer`;
      words.push(
        `${label}: ${count(long)} of ${count(arm.samples)} samples were cut off at the limit of tokens (length)${unanswered}.`,
      );
    }
    if ((arm.costUsd?.unpriced ?? 0) > 0) {
      words.push(
        `${label}: ${count(arm.costUsd?.unpriced ?? 0)} samples are not in the cost: their work is unknown.`,
      );
    }
  }
  return words;
}

function settingNotes({ run, summary, arms }: NotedRun): string[] {
  const words: string[] = [];
  for (const { name, share, matched } of arms) {
    if (matched === undefined) continue;
    const target = share.value - matched.shareDifference;
    words.push(
      `${name} is matched in tokens to ${matched.to}: it handed over ${fine(share.value)}, ${matched.to} ${fine(target)}.`,
    );
  }
  if (summary.samplesPerProblem > 1 && run.temperature === 0) {
    words.push("At temperature 0 the samples of a problem are the same.");
  }
  if (run.git === null) words.push("The run does not know its commit.");
  else if (run.git.endsWith("-dirty")) words.push("Files differed from the commit when it ran.");
  return words;
}

/** Notes on how the figures that the report shows were made. */
export function methodNotes(
  runs: readonly NotedRun[],
  has: {
    readonly comparisons: boolean;
    readonly adjusted: boolean;
    readonly times: boolean;
    readonly flops: boolean;
  },
): ReportNote[] {
  const several = runs.some(({ summary }) => summary.samplesPerProblem > 1);
  const single = runs.some(({ summary }) => summary.samplesPerProblem === 1);
  const accuracy = [
    ...(single ? ["Wilson's where each problem has one sample"] : []),
    ...(several ? ["a bootstrap over problems where it has several"] : []),
  ].join(", ");
  return [
    note(
      `Intervals are 95%. Accuracy: ${accuracy}. Shares, times and operations: the linearised ratio over problems, with Student's t. They show how much other problems of the same kind would change a figure. They do not cover other seeds of training.`,
    ),
    ...(has.comparisons
      ? [
          note(
            `Differences are paired by problem (Newcombe's interval and McNemar's exact test for one sample a problem; bootstrap and sign flips over problems for several). ${has.adjusted ? "p-values are also adjusted by Holm, over the comparisons of a run and over those between runs." : "Each p-value is for one comparison; none is adjusted for their number."}`,
          ),
        ]
      : []),
    ...(has.times
      ? [
          note(
            "Wall-clock is the time of a sample from its start to its end. Samples that run at the same time share the machine. So compare arms of one run, not runs of different machines.",
          ),
        ]
      : []),
    ...(has.flops
      ? [
          note(
            "Operations are an estimate: 2 for each weight that a token is multiplied with, without attention.",
          ),
        ]
      : []),
  ];
}

const names = (arms: readonly { readonly name: string }[]): string => {
  const shown = arms.slice(0, 5).map(({ name }) => name);
  return arms.length > shown.length
    ? `${shown.join(", ")} and ${arms.length - shown.length} more`
    : shown.join(", ");
};

const fine = (share: number): string => `${(100 * share).toFixed(2)}% of its tokens`;
const short = (text: string): string =>
  (text.length > 300 ? `${text.slice(0, 300)} …` : text).replaceAll(/\s+/gu, " ");
