/** Makes the document that `eval --json` prints from rows. */
import type { Provenance } from "../../core/provenance.ts";
import { createRng, type Rng } from "../../core/rng.ts";
import type { Arm } from "../arms/arms.ts";
import { comparedPairs, bestControl } from "../arms/compared-pairs.ts";
import { type ArmSizes, computeOf } from "../cost/compute.ts";
import { costOf } from "../cost/dollars.ts";
import { type PricedModels, pricesFor } from "../cost/prices.ts";
import { isCut } from "../graders/cut.ts";
import { type EngineWorkCounts, type RowFigures, rowsDigest } from "../row.ts";
import type { EvaluationPlan } from "./runner.ts";
import { accuracyOf, meanOverProblems, type OutcomesPS, spreadOf } from "../statistics/accuracy.ts";
import { compareArms, holmAdjusted } from "../statistics/comparison.ts";
import { coverageAt, majorityAt, passAt, sampleCounts } from "../statistics/pass-at.ts";
import type { ArmComparison, ArmSummary, EvaluationSummary, Rates } from "../summary-schema.ts";

export interface RunFacts {
  readonly configHash: string;
  readonly config: unknown;
  readonly provenance: Provenance;
  readonly execution?: NonNullable<EvaluationSummary["execution"]>;
  readonly models?: PricedModels;
  readonly modelSizes?: NonNullable<EvaluationSummary["modelSizes"]>;
  readonly rates?: Rates;
}

/** `rows` must hold every sample of the plan. Intervals are seeded by the plan: the same rows give the same document. */
export function summarize(
  plan: EvaluationPlan,
  rows: readonly RowFigures[],
  run: RunFacts,
): EvaluationSummary {
  const rowsByArm = new Map<string, RowFigures[]>(plan.arms.map(({ name }) => [name, []]));
  for (const row of rows) rowsByArm.get(row.arm)?.push(row);
  const rowsOf = (name: string): readonly RowFigures[] => rowsByArm.get(name) ?? [];
  const arms = plan.arms.map((arm) => summarizeArm(plan, arm, rowsOf, run));
  const control = bestControl(arms);
  return {
    task: { name: plan.task.name, version: plan.task.version, problems: plan.problems.length },
    arms,
    ...(control === undefined ? {} : { control }),
    comparisons: compare(plan, control, rowsOf),
    samplesPerProblem: plan.samples,
    seed: plan.seed,
    configHash: run.configHash,
    rowsDigest: rowsDigest(rows),
    git: run.provenance.git,
    config: run.config,
    ...(run.execution === undefined ? {} : { execution: run.execution }),
    ...(run.modelSizes === undefined ? {} : { modelSizes: run.modelSizes }),
    ...(run.rates === undefined ? {} : { rates: run.rates }),
    machine: run.provenance.machine,
  };
}

function compare(
  plan: EvaluationPlan,
  control: string | undefined,
  rowsOf: (name: string) => readonly RowFigures[],
): ArmComparison[] {
  const comparisons = comparedPairs(plan.arms, control).map(([first, second]) => ({
    first,
    second,
    ...compareArms(
      outcomes(plan, rowsOf(first)),
      outcomes(plan, rowsOf(second)),
      createRng(plan.seed).fork(`compare ${first} ${second}`),
    ),
  }));
  const adjusted = holmAdjusted(comparisons.map(({ pValue }) => pValue));
  return comparisons.map((comparison, index) => ({
    ...comparison,
    pAdjusted: adjusted[index] ?? comparison.pValue,
  }));
}

function summarizeArm(
  plan: EvaluationPlan,
  arm: Arm,
  rowsOf: (name: string) => readonly RowFigures[],
  run: RunFacts,
): ArmSummary {
  const { name, policy } = arm;
  const rows = rowsOf(name);
  const grouped = byProblem(plan, rows);
  const correctPS = outcomes(plan, rows);
  const rng = (what: string): Rng => createRng(plan.seed).fork(`${what} ${name}`);
  const accuracy = accuracyOf(correctPS, rng("accuracy"));
  const failed = rows.filter((row) => row.error !== undefined);
  const handoffs = rows.flatMap((row) => row.handoffsMs);
  const firstTokens = rows.flatMap((row) => row.firstTokenMs ?? []);
  const sum = (pick: (row: RowFigures) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0);
  const wallMs = sum((row) => row.wallMs);
  const outputTokens = sum((row) => row.usage.smallTokens + row.usage.bigTokens);
  const prices =
    run.rates === undefined || run.models === undefined
      ? undefined
      : pricesFor(run.rates, run.models, arm.checkpoint);
  const cost = prices === undefined ? undefined : costOf(grouped, prices, rng("cost"));
  const compute = computeOf(rows, sizesFor(arm, run), run.rates?.joulesPerFlop);
  return {
    name,
    accuracy: accuracy.value,
    ci95: accuracy.ci95,
    samples: rows.length,
    offloadShare: offloadShare(rows),
    sampleShare: spreadOf(rows.map((row) => row.usage.offloadShare)),
    promptTokens: sum((row) => row.usage.promptTokens),
    smallTokens: sum((row) => row.usage.smallTokens),
    bigTokens: sum((row) => row.usage.bigTokens),
    tagTokens: sum((row) => row.usage.tagTokens),
    discardedTokens: sum((row) => row.usage.discardedTokens),
    wallMs: Math.round(wallMs),
    sampleMs: spreadOf(rows.map((row) => row.wallMs)),
    ...(wallMs > 0 ? { tokensPerSecond: (1000 * outputTokens) / wallMs } : {}),
    ...(firstTokens.length === 0 ? {} : { firstTokenMs: spreadOf(firstTokens) }),
    ...severalSamples(plan, grouped, rng),
    switches: sum((row) => row.usage.switches) / rows.length,
    ...(handoffs.length === 0 ? {} : { handoffMs: spreadOf(handoffs) }),
    ...workOf(rows),
    ...(cost === undefined ? {} : { costUsd: cost }),
    ...(compute === undefined ? {} : { compute }),
    finishReasons: countBy(rows.map((row) => row.finishReason)),
    cut: rows.filter((row) => row.answer === null && isCut(row.finishReason)).length,
    degraded: rows.filter((row) => row.degraded !== undefined).length,
    failed: failed.length,
    ...(failed[0]?.error === undefined ? {} : { firstError: failed[0].error }),
    ...(policy.kind === "random-matched"
      ? {
          matched: {
            to: policy.target,
            shareDifference: offloadShare(rows) - offloadShare(rowsOf(policy.target)),
          },
        }
      : {}),
  };
}

/** pass@k, cov@k and maj@k with their intervals, for k in powers of two and all samples. */
function severalSamples(
  { samples }: EvaluationPlan,
  rowsPS: readonly (readonly RowFigures[])[],
  rng: (what: string) => Rng,
): Required<Pick<ArmSummary, "passAt" | "passAtCi95" | "covAt" | "covAtCi95" | "majAt" | "majAtCi95">> {
  const correctPS = rowsPS.map((rows) => rows.map(({ correct }) => correct));
  const counts = sampleCounts(samples);
  const estimates = (what: string, valuesP: (k: number) => readonly number[]) => {
    const all = counts.map((k) => [k, meanOverProblems(valuesP(k), rng(`${what}@${k}`))] as const);
    return {
      values: Object.fromEntries(all.map(([k, { value }]) => [k, value])),
      intervals: Object.fromEntries(all.map(([k, { ci95 }]) => [k, ci95])),
    };
  };
  const pass = estimates("pass", (k) => passAt(correctPS, k));
  const cov = estimates("cov", (k) => coverageAt(correctPS, k));
  const maj = estimates("maj", (k) => majorityAt(rowsPS, k));
  return {
    passAt: pass.values,
    passAtCi95: pass.intervals,
    covAt: cov.values,
    covAtCi95: cov.intervals,
    majAt: maj.values,
    majAtCi95: maj.intervals,
  };
}

function sizesFor({ checkpoint }: Arm, { modelSizes = {} }: RunFacts): ArmSizes {
  const { small: tuned, smallBase, big } = modelSizes;
  const small = checkpoint === "base" ? smallBase : tuned;
  return { ...(small === undefined ? {} : { small }), ...(big === undefined ? {} : { big }) };
}

function workOf(rows: readonly RowFigures[]): Pick<ArmSummary, "work"> {
  const works = rows.flatMap(({ work }) => work ?? []);
  if (works.length === 0) return {};
  const total = (author: "small" | "big"): EngineWorkCounts => {
    const sum = (pick: (work: EngineWorkCounts) => number): number =>
      works.reduce((all, work) => all + pick(work[author]), 0);
    return {
      prefilled: sum((work) => work.prefilled),
      scored: sum((work) => work.scored),
      decoded: sum((work) => work.decoded),
      calls: sum((work) => work.calls),
      discarded: sum((work) => work.discarded),
      ...(works.some((work) => work[author].drafted !== undefined)
        ? { drafted: sum((work) => work.drafted ?? 0), accepted: sum((work) => work.accepted ?? 0) }
        : {}),
      ...(works.some((work) => work[author].sent !== undefined)
        ? { sent: sum((work) => work.sent ?? 0) }
        : {}),
    };
  };
  return { work: { small: total("small"), big: total("big") } };
}

function offloadShare(rows: readonly RowFigures[]): number {
  const big = rows.reduce((total, row) => total + row.usage.bigTokens, 0);
  const all = rows.reduce((total, row) => total + row.usage.bigTokens + row.usage.smallTokens, 0);
  return all === 0 ? 0 : big / all;
}

const outcomes = (plan: EvaluationPlan, rows: readonly RowFigures[]): OutcomesPS =>
  byProblem(plan, rows).map((samples) => samples.map((row) => row.correct));

/** Problems in the plan's order, samples in theirs. */
function byProblem(plan: EvaluationPlan, rows: readonly RowFigures[]): RowFigures[][] {
  const groups = new Map<string, RowFigures[]>(plan.problems.map(({ id }) => [id, []]));
  for (const row of rows) groups.get(row.problemId)?.push(row);
  return [...groups.values()].map((group) => group.sort((a, b) => a.sample - b.sample));
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
