/** Prints the statistics of a data set as tables. */
import { count, percent } from "../../core/figures.ts";
import type { Agreement, DataStatistics, NamedGroup } from "../../data/stats/document.ts";
import { type Column, renderTable } from "../support/table.ts";
import { type Paint, printableLine } from "../support/terminal.ts";

const MAX_LINES = 20;

export function statisticsReport(statistics: DataStatistics, paint: Paint): string {
  const { overall, bySource, byAnnotator, agreement, files, skipped, faulty, tokenizer } = statistics;
  const all = { name: "all", ...overall };
  return [
    `${files.map(printableLine).join(", ")}: ${count(overall.rows)} traces, ${count(overall.tokens)} tokens (${printableLine(tokenizer)})\n`,
    faulty > 0
      ? paint.yellow(`${count(faulty)} rows are at fault and not counted: data check says why\n`)
      : "",
    skipped > 0 ? paint.yellow(`${count(skipped)} records gave no row\n`) : "",
    "\n",
    groups("", [all], paint),
    byAnnotator.length > 1 ? `\n${groups("annotator", byAnnotator, paint)}` : "",
    bySource.length > 1 ? `\n${groups("source", bySource, paint)}` : "",
    overall.rows === 0
      ? ""
      : `\n${histogram("share of a trace in spans", overall.share.histogram, percent, paint)}`,
    overall.spans === 0 ? "" : `\n${places(overall.position, paint)}`,
    agreement.length === 0 ? "" : `\n${renderTable(AGREEMENT, agreement, paint.bold)}`,
  ].join("");
}

function groups(title: string, rows: readonly NamedGroup[], paint: Paint): string {
  const columns: Column<NamedGroup>[] = [
    { title, cell: ({ name }) => printableLine(name).slice(0, 40) },
    { title: "traces", cell: (group) => count(group.rows), align: "right" },
    { title: "with spans", cell: (group) => count(group.rowsWithSpans), align: "right" },
    {
      title: "share of tokens",
      cell: (group) => percent(ratio(group.spanTokens, group.tokens)),
      align: "right",
    },
    { title: "per trace: mean", cell: ({ share }) => percent(share.mean ?? 0), align: "right" },
    { title: "median", cell: ({ share }) => percent(share.median ?? 0), align: "right" },
    {
      title: "spans: mean",
      cell: ({ spansPerTrace }) => (spansPerTrace.mean ?? 0).toFixed(1),
      align: "right",
    },
    { title: "median", cell: ({ spansPerTrace }) => `${spansPerTrace.median ?? 0}`, align: "right" },
    { title: "length: mean", cell: ({ spanLength }) => figure(spanLength.mean), align: "right" },
    { title: "median", cell: ({ spanLength }) => figure(spanLength.median), align: "right" },
    { title: "trace tokens", cell: ({ traceTokens }) => count(traceTokens.mean ?? 0), align: "right" },
  ];
  const left = rows.length - MAX_LINES;
  const more = left > 0 ? `and ${count(left)} more (--json has all)\n` : "";
  return renderTable(columns, rows.slice(0, MAX_LINES), paint.bold) + more;
}

const AGREEMENT: Column<Agreement>[] = [
  {
    title: "agreement of",
    cell: ({ first, second }) => printableLine(`${first} and ${second}`).slice(0, 80),
  },
  { title: "rows", cell: ({ rows }) => count(rows), align: "right" },
  { title: "token F1", cell: ({ f1 }) => f1?.toFixed(3) ?? "-", align: "right" },
  { title: "kappa", cell: ({ kappa }) => kappa?.toFixed(3) ?? "-", align: "right" },
  {
    title: "shares",
    cell: ({ share }) => `${percent(share.first)} and ${percent(share.second)}`,
    align: "right",
  },
  { title: "other text", cell: ({ differentText }) => count(differentText), align: "right" },
];

const WIDTH = 40;

/** Draws a bar for each bin, up to the last one that is not empty. */
function histogram(
  title: string,
  { edges, counts }: { readonly edges: readonly number[]; readonly counts: readonly number[] },
  label: (edge: number) => string,
  paint: Paint,
): string {
  const last = counts.findLastIndex((value) => value > 0);
  const most = Math.max(...counts, 1);
  const lines = counts
    .slice(0, last + 1)
    .map(
      (value, bin) =>
        `${`${label(edges[bin] ?? 0)} to ${label(edges[bin + 1] ?? 0)}`.padStart(16)}  ${bar(value / most)} ${count(value)}\n`,
    );
  return `${paint.bold(title)}\n${lines.join("")}`;
}

function places(position: readonly number[], paint: Paint): string {
  const most = Math.max(...position, Number.MIN_VALUE);
  const lines = position.map(
    (share, bin) =>
      `${`${percent(bin / position.length)} to ${percent((bin + 1) / position.length)}`.padStart(16)}  ${bar(share / most)} ${percent(share)}\n`,
  );
  return `${paint.bold("where in the trace: share of the tokens there that is in spans")}\n${lines.join("")}`;
}

const bar = (share: number): string => "█".repeat(share > 0 ? Math.max(1, Math.round(share * WIDTH)) : 0);
const figure = (value: number | undefined): string => (value === undefined ? "-" : value.toFixed(1));
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
