/** Writes a report in Markdown, with tables as GitHub renders them. Names and texts of unknown origin are escaped. */
import { count, percent, points, pValueText } from "../../core/figures.ts";
import { armColumns } from "./columns.ts";
import type { ReportComparison, ReportDocument, ReportRun, ReportSpans } from "./document.ts";

export function reportMarkdown(document: ReportDocument): string {
  const { title, runs, comparisons, notes, absent } = document;
  const warnings = notes.filter(({ level }) => level === "warning");
  const others = notes.filter(({ level }) => level === "note");
  return [
    `# ${escaped(title)}`,
    ...document.headlines.map(escaped),
    runs.map(runLine).join("\n"),
    ...(warnings.length === 0
      ? []
      : [warnings.map(({ text }) => `- **Warning.** ${escaped(text)}`).join("\n")]),
    "## Arms",
    armTable(document),
    ...(comparisons.length === 0 ? [] : ["## Differences", comparisonTable(document)]),
    "## Arms that no other arm beats",
    frontLines(document),
    ...Object.values(absent).map((text) => escaped(text)),
    ...spanSection(document),
    "## Notes",
    others.map(({ text }) => `- ${escaped(text)}`).join("\n"),
    "## Repeat the run",
    ...runs.map((run) => rerunSection(run, runs.length > 1)),
  ]
    .join("\n\n")
    .concat("\n");
}

function runLine({ name, task, samplesPerProblem, seed, git, configHash }: ReportRun): string {
  const samples = samplesPerProblem === 1 ? "one sample each" : `${samplesPerProblem} samples each`;
  return `- ${escaped(name)}: ${escaped(task.name)} (version ${escaped(task.version)}), ${count(task.problems)} problems, ${samples}, seed ${seed}, commit ${escaped(git?.slice(0, 12) ?? "unknown")}, settings ${escaped(configHash)}`;
}

function armTable(document: ReportDocument): string {
  const columns = armColumns(document);
  return table(
    columns.map(({ title, align }) => ({ title, align })),
    document.arms.map((arm) => columns.map(({ cell }) => escaped(cell(arm)))),
  );
}

function comparisonTable({ comparisons }: ReportDocument): string {
  const adjusted = comparisons.some(({ pAdjusted }) => pAdjusted !== undefined);
  return table(
    [
      { title: "difference", align: "left" },
      { title: "points", align: "right" },
      { title: "95% interval", align: "right" },
      { title: "p", align: "right" },
      ...(adjusted ? [{ title: "p, adjusted", align: "right" as const }] : []),
    ],
    comparisons.map((comparison) => [
      `${escaped(comparison.first)} against ${escaped(comparison.second)}${roleOf(comparison)}`,
      points(comparison.difference),
      `${points(comparison.ci95[0])} to ${points(comparison.ci95[1])}`,
      pValue(comparison.pValue),
      ...(adjusted ? [comparison.pAdjusted === undefined ? "–" : pValue(comparison.pAdjusted)] : []),
    ]),
  );
}

const roleOf = ({ control }: ReportComparison): string => (control ? ", the best control" : "");
const pValue = (value: number): string =>
  pValueText(value).replace("p = ", "").replace("p < ", "< ").replace("<", "&lt;");

const AXES = {
  share: "share of the big model's tokens",
  wallMs: "wall-clock",
  costUsd: "cost",
  flops: "operations",
} as const;

function frontLines({ fronts, arms }: ReportDocument): string {
  const lines = (["share", "wallMs", "costUsd", "flops"] as const).flatMap((axis) => {
    const front = fronts[axis];
    if (front === undefined || front.length === 0) return [];
    return `- by ${AXES[axis]}: ${front.map((place) => escaped(arms[place]?.label ?? "")).join(", ")}`;
  });
  return lines.length === 0 ? "No front is drawn." : lines.join("\n");
}

function spanSection({ arms }: ReportDocument): string[] {
  const withSpans = arms.flatMap(({ label, spans }) => (spans === undefined ? [] : [{ label, spans }]));
  if (withSpans.length === 0) return [];
  return [
    "## Spans",
    table(
      [
        { title: "arm", align: "left" },
        { title: "spans", align: "right" },
        { title: "traces with one", align: "right" },
        { title: "length: median", align: "right" },
        { title: "p90", align: "right" },
        { title: "longest", align: "right" },
        { title: "where: first quarter", align: "right" },
        { title: "second", align: "right" },
        { title: "third", align: "right" },
        { title: "last", align: "right" },
      ],
      withSpans.map(({ label, spans }) => [
        `${escaped(label)}${spans.author === "small" ? ", written by the small model itself" : ""}`,
        count(spans.count),
        count(spans.tracesWith),
        `${spans.length.median ?? 0}`,
        `${spans.length.p90 ?? 0}`,
        count(spans.length.max ?? 0),
        ...quarters(spans).map(percent),
      ]),
    ),
    "Lengths are in tokens. The last columns are the share of the tokens that is in spans, for each quarter of the traces.",
  ];
}

/** Shares by quarter. All twentieths have the same number of tokens, so the mean of five is that of the quarter. */
const quarters = ({ position }: ReportSpans): number[] =>
  [0, 1, 2, 3].map((quarter) => {
    const part = position.slice(quarter * 5, quarter * 5 + 5);
    return part.reduce((sum, share) => sum + share, 0) / Math.max(1, part.length);
  });

function rerunSection(run: ReportRun, several: boolean): string {
  const { rerun, machine, models, rows, execution, folder, configHash, seed, git } = run;
  const facts = [
    ["folder", folder],
    [
      "settings",
      `${configHash}${rerun.sameDigest ? ", and the command's settings have the same digest" : ""}`,
    ],
    ["seed", `${seed}`],
    ["commit", git ?? "unknown"],
    ...models.map(({ role, spec, digest }) => [
      role,
      `${spec}${digest === undefined ? "" : `, SHA-256 ${digest}`}`,
    ]),
    ["rows", `${count(rows.read)}, SHA-256 of the file ${rows.fileSha256}`],
    ...(rows.digest === undefined ? [] : [["outcomes", `SHA-256 ${rows.digest}`]]),
    [
      "machine",
      `${machine.processor}, ${machine.cores} cores, ${machine.platform}, Node ${machine.node}${
        execution === undefined
          ? ""
          : `; ${execution.concurrency} samples at a time${execution.threads === undefined ? "" : `, ${execution.threads} threads a model`}`
      }`,
    ],
  ];
  return [
    ...(several ? [`### ${escaped(run.name)}`] : []),
    codeBlock(rerun.command),
    ...(rerun.pairFile === undefined ? [] : ["with `pair.json`:", codeBlock(rerun.pairFile.trimEnd())]),
    ...rerun.remarks.map(escaped),
    facts.map(([name, value]) => `- ${name}: ${escaped(value ?? "")}`).join("\n"),
  ].join("\n\n");
}

function table(
  columns: readonly { readonly title: string; readonly align: "left" | "right" }[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ align }) => (align === "right" ? "---:" : "---"))),
    ...rows.map(line),
  ].join("\n");
}

/** An indented block: the text cannot end it as it could end a fence. */
const codeBlock = (text: string): string =>
  text
    .split("\n")
    .map((line) => `    ${plain(line)}`)
    .join("\n");

/** Writes a text so that no part of it is markup. A single `~` or `_` within a word means nothing and stays. */
export const escaped = (text: string): string =>
  plain(text)
    .replaceAll(/[\\`*[\]<>|#!]/gu, String.raw`\$&`)
    .replaceAll("&", "&amp;")
    .replaceAll(/(?<![\p{L}\p{N}])[_~]|[_~](?![\p{L}\p{N}])|~(?=[^\n]*~)/gu, String.raw`\$&`)
    .replaceAll(/(?<=\bhttps?|ftp):/giu, "&#58;")
    .replaceAll(/(?<=\bwww)\./giu, "&#46;");

const plain = (text: string): string =>
  text
    .replaceAll(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu, " ")
    .replaceAll(/\p{Cs}/gu, "\ufffd");
