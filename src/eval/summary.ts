/** From rows to the document that `eval --json` prints. */
import { createRng } from "../core/rng.ts";
import { type Arm, CONTROL_ARMS } from "./arms.ts";
import type { Provenance } from "../core/provenance.ts";
import type { RowFigures } from "./row.ts";
import type { EvaluationPlan } from "./runner.ts";
import type { ArmSummary, EvaluationSummary } from "./summary-schema.ts";
import { accuracyOf, mean, type OutcomesPS, quantile } from "./statistics/accuracy.ts";
import { compareArms } from "./statistics/comparison.ts";
import { majorityAt, passAt, sampleCounts } from "./statistics/pass-at.ts";

export {
  type ArmComparison,
  type ArmSummary,
  type EvaluationSummary,
  type Spread,
  summarySchema,
} from "./summary-schema.ts";

/** `rows` must hold every sample of the plan. Intervals are seeded by the plan: the same rows give the same document. */
export function summarize(
  plan: EvaluationPlan,
  rows: readonly RowFigures[],
  run: { readonly configHash: string; readonly config: unknown; readonly provenance: Provenance },
): EvaluationSummary {
  const rowsByArm = new Map(plan.arms.map(({ name }) => [name, rows.filter((row) => row.arm === name)]));
  const rowsOf = (name: string): readonly RowFigures[] => rowsByArm.get(name) ?? [];
  const arms = plan.arms.map((arm) => summarizeArm(plan, arm, rowsOf));
  const control = bestControl(arms);
  return {
    task: { name: plan.task.name, version: plan.task.version, problems: plan.problems.length },
    arms,
    ...(control === undefined ? {} : { control }),
    comparisons: comparedPairs(plan.arms, control).map(([first, second]) => ({
      first,
      second,
      ...compareArms(
        outcomes(plan, rowsOf(first)),
        outcomes(plan, rowsOf(second)),
        createRng(plan.seed).fork(`compare ${first} ${second}`),
      ),
    })),
    samplesPerProblem: plan.samples,
    seed: plan.seed,
    configHash: run.configHash,
    git: run.provenance.git,
    config: run.config,
    machine: run.provenance.machine,
  };
}

function summarizeArm(
  plan: EvaluationPlan,
  { name, policy }: Arm,
  rowsOf: (name: string) => readonly RowFigures[],
): ArmSummary {
  const rows = rowsOf(name);
  const correctPS = outcomes(plan, rows);
  const votesPS = byProblem(plan, rows);
  const accuracy = accuracyOf(correctPS, createRng(plan.seed).fork(`accuracy ${name}`));
  const counts = sampleCounts(plan.samples);
  const handoffs = rows.flatMap((row) => row.handoffsMs).sort((a, b) => a - b);
  const failed = rows.filter((row) => row.error !== undefined);
  const sum = (pick: (row: RowFigures) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0);
  return {
    name,
    accuracy: accuracy.value,
    ci95: accuracy.ci95,
    samples: rows.length,
    offloadShare: offloadShare(rows),
    smallTokens: sum((row) => row.usage.smallTokens),
    bigTokens: sum((row) => row.usage.bigTokens),
    discardedTokens: sum((row) => row.usage.discardedTokens),
    wallMs: Math.round(sum((row) => row.wallMs)),
    passAt: Object.fromEntries(counts.map((k) => [k, passAt(correctPS, k)])),
    majAt: Object.fromEntries(counts.map((k) => [k, majorityAt(votesPS, k)])),
    switches: sum((row) => row.usage.switches) / rows.length,
    ...(handoffs.length === 0
      ? {}
      : {
          handoffMs: {
            mean: mean(handoffs),
            p50: quantile(handoffs, 0.5),
            p95: quantile(handoffs, 0.95),
            max: quantile(handoffs, 1),
          },
        }),
    finishReasons: countBy(rows.map((row) => row.finishReason)),
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

function offloadShare(rows: readonly RowFigures[]): number {
  const big = rows.reduce((total, row) => total + row.usage.bigTokens, 0);
  const all = rows.reduce((total, row) => total + row.usage.bigTokens + row.usage.smallTokens, 0);
  return all === 0 ? 0 : big / all;
}

function bestControl(arms: readonly ArmSummary[]): string | undefined {
  return arms
    .filter(({ name }) => CONTROL_ARMS.includes(name))
    .reduce<ArmSummary | undefined>(
      (best, arm) => (best === undefined || arm.accuracy > best.accuracy ? arm : best),
      undefined,
    )?.name;
}

/** The pairs that say whether the method is worth it: `learned` minus each. */
function comparedPairs(arms: readonly Arm[], control: string | undefined): (readonly [string, string])[] {
  if (!arms.some(({ name }) => name === "learned")) return [];
  return arms
    .filter(({ name, policy }) => name === control || name === "big" || policy.kind.startsWith("random"))
    .map(({ name }) => ["learned", name] as const);
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
