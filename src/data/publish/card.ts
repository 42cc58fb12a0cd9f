/** The card of a data set: its statistics, and the header by which the hub and its readers find the files. */
import { parse, stringify } from "yaml";
import { z } from "zod";

import { given } from "../../core/given.ts";
import { DataError, errorMessage } from "../../core/errors.ts";
import type { DataStatistics, GroupStatistics, NamedGroup } from "../stats/document.ts";

export interface CardOptions {
  readonly repo: string;
  readonly config: string;
  readonly split: string;
  /** Pattern of the split's files in the header, e.g. `data/train-*.parquet`. */
  readonly pattern: string;
  readonly license?: string;
}

/** The text between these marks is ours and is rewritten; the rest belongs to its author. */
const BEGIN = "<!-- splitreason: statistics begin -->";
const END = "<!-- splitreason: statistics end -->";
const MAX_GROUPS = 30;

const dataFilesSchema = z.array(z.looseObject({ split: z.string() }));
const configSchema = z.looseObject({ config_name: z.string(), data_files: z.unknown().optional() });

/**
 * Makes the card for a push. An `existing` card keeps its words and its header, to which this split is added. Only the part
 * between our marks changes, or is appended where there is none.
 */
export function datasetCard(statistics: DataStatistics, options: CardOptions, existing = ""): string {
  const { header, body } = splitCard(existing);
  const section = `${BEGIN}\n${statisticsSection(statistics, options)}\n${END}`;
  const begin = body.indexOf(BEGIN);
  const end = body.indexOf(END, begin);
  const words =
    begin >= 0 && end > begin
      ? `${body.slice(0, begin)}${section}${body.slice(end + END.length)}`
      : `${body.trim() === "" ? introduction(options) : body.trimEnd()}\n\n${section}\n`;
  return `---\n${stringify(mergedHeader(header, statistics, options))}---\n${words.startsWith("\n") ? "" : "\n"}${words}`;
}

function splitCard(card: string): { header: Record<string, unknown>; body: string } {
  const match = /^---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/u.exec(card);
  if (match === null) return { header: {}, body: card };
  return { header: readHeader(match[1] ?? ""), body: card.slice(match[0].length) };
}

/** @throws DataError when the header is not YAML: rewriting it would lose its content. */
function readHeader(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = parse(text, { maxAliasCount: 100 });
  } catch (error) {
    throw new DataError(
      `the header of the data set's README.md is not YAML (${errorMessage(error)}); repair it first.`,
      {
        code: "file-invalid",
        cause: error,
      },
    );
  }
  const header = z.record(z.string(), z.unknown()).safeParse(parsed ?? {});
  if (header.success) return header.data;
  throw new DataError("the header of the data set's README.md is no list of fields; repair it first.", {
    code: "file-invalid",
  });
}

function mergedHeader(
  header: Readonly<Record<string, unknown>>,
  statistics: DataStatistics,
  { config, split, pattern, license }: CardOptions,
): Record<string, unknown> {
  const others = z.array(configSchema).safeParse(header["configs"]);
  const configs = others.success ? others.data : [];
  const same = configs.find(({ config_name: name }) => name === config);
  const known = dataFilesSchema.safeParse(same?.data_files);
  const files = [
    ...(known.success ? known.data.filter((each) => each.split !== split) : []),
    { split, path: pattern },
  ];
  const entry = { ...same, config_name: config, data_files: files };
  return {
    language: ["en"],
    task_categories: ["text-generation"],
    tags: ["reasoning", "splitreason"],
    ...header,
    ...given({ license }),
    size_categories: [sizeCategory(statistics.overall.rows)],
    configs: same === undefined ? [...configs, entry] : configs.map((each) => (each === same ? entry : each)),
  };
}

/** Size category in the hub's words. */
function sizeCategory(rows: number): string {
  const bounds = [1e3, 1e4, 1e5, 1e6, 1e7];
  const names = ["n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M"];
  const index = bounds.findIndex((bound) => rows < bound);
  return names[index] ?? "n>10M";
}

const introduction = ({
  repo,
  config,
  split,
}: CardOptions): string => `# ${escaped(repo.split("/").at(-1) ?? repo)}

Reasoning traces in which the hardest spans are marked: what a small model would do well to hand to a large one.

\`\`\`python
from datasets import load_dataset

rows = load_dataset(${JSON.stringify(repo)}, ${JSON.stringify(config)}, split=${JSON.stringify(split)})
\`\`\`

| column | what it is |
|---|---|
| \`id\` | names the trace |
| \`problem\` | the user's turn |
| \`trace\` | the assistant's turn after \`<think>\`, without tags |
| \`spans\` | \`start\` and \`end\` of each hard span in \`trace\`, in UTF-16 code units, end exclusive; \`score\` and \`edits\` where the annotator has them |
| \`annotator\` | who marked the spans |
| \`answer\`, \`solution\`, \`source\`, \`correct\` | as the data set says that the traces are from |
| \`scores\` | what a scoring annotator saw: where each word begins, and its score in nats |`;

function statisticsSection(statistics: DataStatistics, { config, split }: CardOptions): string {
  const { overall, byAnnotator, bySource, tokenizer } = statistics;
  const agreement = statistics.agreement.map(
    ({ first, second, rows, f1, kappa }) =>
      `| ${escaped(first)} and ${escaped(second)} | ${count(rows)} | ${f1?.toFixed(3) ?? "-"} | ${kappa?.toFixed(3) ?? "-"} |`,
  );
  return [
    `## Statistics of ${escaped(config)}, ${escaped(split)}`,
    "",
    `Tokens are ${escaped(tokenizer)}, of the chain of thought (the trace up to \`</think>\`).`,
    "",
    groupTable("", [{ name: "all", ...overall }]),
    ...(byAnnotator.length > 1 ? ["", groupTable("annotator", byAnnotator)] : []),
    ...(bySource.length > 1 ? ["", groupTable("source", bySource)] : []),
    ...(agreement.length > 0
      ? ["", "| agreement of | rows | token F1 | Cohen's kappa |", "|---|---|---|---|", ...agreement]
      : []),
  ].join("\n");
}

function groupTable(title: string, groups: readonly NamedGroup[]): string {
  const left = groups.length - MAX_GROUPS;
  return [
    `| ${title} | traces | with spans | share of tokens in spans | of a trace: mean | median | spans a trace | tokens a span: median |`,
    "|---|---|---|---|---|---|---|---|",
    ...groups
      .slice(0, MAX_GROUPS)
      .map((group) => `| ${escaped(group.name)} | ${groupCells(group).join(" | ")} |`),
    ...(left > 0 ? ["", `and ${count(left)} more`] : []),
  ].join("\n");
}

const groupCells = ({
  rows,
  rowsWithSpans,
  tokens,
  spanTokens,
  share,
  spansPerTrace,
  spanLength,
}: GroupStatistics): string[] => [
  count(rows),
  count(rowsWithSpans),
  percent(tokens === 0 ? 0 : spanTokens / tokens),
  percent(share.mean ?? 0),
  percent(share.median ?? 0),
  (spansPerTrace.mean ?? 0).toFixed(1),
  spanLength.median === undefined ? "-" : String(spanLength.median),
];

const count = (value: number): string => value.toLocaleString("en-US");
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** Escapes a name from the data for Markdown. */
const escaped = (text: string): string =>
  text
    .replace(/\s+/gu, " ")
    .slice(0, 100)
    .replace(/[\\`*_{}[\]<>()#+!|&~$]/gu, (character) => `\\${character}`);
