/** Makes folders of runs as `eval --out` writes them, with the rows and the summary that a test wants. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createRng } from "../../src/core/rng.ts";
import type { EvaluationRow } from "../../src/eval/row.ts";
import type { EvaluationSummary } from "../../src/eval/summary-schema.ts";
import { wilsonInterval } from "../../src/eval/statistics/accuracy.ts";

export const row = (more: Partial<EvaluationRow> = {}): EvaluationRow => ({
  problemId: "p0",
  problem: "What is 2 + 2?",
  gold: "4",
  arm: "learned",
  sample: 0,
  seed: 1,
  answer: "4",
  correct: true,
  finishReason: "end-of-turn",
  text: "It is 4.",
  segments: [
    { author: "small", text: "It is", tokens: 16, reason: "start" },
    { author: "big", text: " 4", tokens: 4, reason: "open-tag" },
    { author: "small", text: ".", tokens: 20, reason: "close-prediction" },
  ],
  usage: {
    promptTokens: 8,
    smallTokens: 36,
    bigTokens: 4,
    tagTokens: 2,
    discardedTokens: 3,
    switches: 1,
    offloadShare: 0.1,
  },
  handoffsMs: [3],
  wallMs: 100,
  ...more,
});

export interface ArmShape {
  readonly name: string;
  /** Chance of being right. */
  readonly right: number;
  /** Big tokens of the 40 of a trace. */
  readonly big: number;
  readonly wallMs: number;
}

export const ARMS: readonly ArmShape[] = [
  { name: "small", right: 0.2, big: 0, wallMs: 80 },
  { name: "never", right: 0.15, big: 0, wallMs: 82 },
  { name: "learned", right: 0.85, big: 2, wallMs: 110 },
  { name: "random~learned", right: 0.25, big: 2, wallMs: 105 },
  { name: "big", right: 0.95, big: 40, wallMs: 400 },
];

/** Rows of every problem in every arm, the same for the same seed. */
export function sampleRows(
  problems: number,
  arms: readonly ArmShape[] = ARMS,
  samples = 1,
  seed = 1,
): EvaluationRow[] {
  const rng = createRng(seed);
  return Array.from({ length: problems }, (_, problem) =>
    Array.from({ length: samples }, (__, sample) =>
      arms.map(({ name, right, big, wallMs }) => {
        const before = big === 40 ? 0 : rng.integer(1, 35 - big);
        const correct = rng.next() < right;
        return row({
          problemId: `p${problem}`,
          problem: `Problem number ${problem}: what is ${problem} + ${problem}?`,
          gold: `${2 * problem}`,
          arm: name,
          sample,
          answer: correct ? `${2 * problem}` : "1",
          correct,
          segments: [
            { author: "small" as const, text: "We begin ".repeat(before), tokens: before, reason: "start" },
            { author: "big" as const, text: ` ${2 * problem}`, tokens: big, reason: "open-tag" },
            {
              author: "small" as const,
              text: " done.",
              tokens: 40 - before - big,
              reason: "close-prediction",
            },
          ].filter(({ tokens }) => tokens > 0),
          usage: {
            promptTokens: 8,
            smallTokens: 40 - big,
            bigTokens: big,
            tagTokens: 0,
            discardedTokens: 0,
            switches: big > 0 ? 1 : 0,
            offloadShare: big / 40,
          },
          wallMs: wallMs * (0.8 + 0.4 * rng.next()),
        });
      }),
    ).flat(),
  ).flat();
}

/** The summary of these rows, with the parts that a report reads. */
export function summaryOf(
  rows: readonly EvaluationRow[],
  more: Partial<EvaluationSummary> = {},
): EvaluationSummary {
  const names = [...new Set(rows.map(({ arm }) => arm))];
  const problems = new Set(rows.map(({ problemId }) => problemId)).size;
  return {
    task: { name: "micro", version: "1", problems },
    arms: names.map((name) => {
      const own = rows.filter(({ arm }) => arm === name);
      const sum = (pick: (each: EvaluationRow) => number): number =>
        own.reduce((total, each) => total + pick(each), 0);
      const right = sum(({ correct }) => Number(correct));
      const [smallTokens, bigTokens] = [
        sum(({ usage }) => usage.smallTokens),
        sum(({ usage }) => usage.bigTokens),
      ];
      return {
        name,
        accuracy: right / own.length,
        ci95: wilsonInterval(right, own.length),
        samples: own.length,
        offloadShare: bigTokens / Math.max(1, smallTokens + bigTokens),
        smallTokens,
        bigTokens,
        discardedTokens: sum(({ usage }) => usage.discardedTokens),
        wallMs: sum(({ wallMs }) => wallMs),
        passAt: { "1": right / own.length },
        majAt: { "1": right / own.length },
        switches: sum(({ usage }) => usage.switches) / own.length,
        finishReasons: { "end-of-turn": own.length },
        degraded: 0,
        failed: own.filter(({ error }) => error !== undefined).length,
      };
    }),
    ...(names.includes("small") ? { control: "small" } : {}),
    comparisons: [],
    samplesPerProblem: Math.max(1, ...rows.map(({ sample }) => sample + 1)),
    seed: 1,
    configHash: "0123456789abcdef",
    git: "0123456789abcdef0123456789abcdef01234567",
    config: { task: { name: "micro" }, sampling: { temperature: 0 } },
    machine: { processor: "a processor", cores: 2, node: "20.20.0", platform: "linux-x64" },
    ...more,
  };
}

/** Writes a folder; `lines` come after the rows, unchanged. */
export async function writeRun(
  folder: string,
  rows: readonly EvaluationRow[],
  {
    summary = summaryOf(rows),
    lines = [],
  }: { readonly summary?: unknown; readonly lines?: readonly string[] } = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const text = [...rows.map((each) => JSON.stringify(each)), ...lines].map((line) => `${line}\n`).join("");
  await writeFile(join(folder, "rows.jsonl"), text);
  await writeFile(join(folder, "summary.json"), JSON.stringify(summary));
  return folder;
}
