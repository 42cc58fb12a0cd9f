/** Runs every sample of every arm, several at a time, and returns the rows in a fixed order. */
import { forEachConcurrent } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import { ConfigError, errorMessage, SplitReasonError } from "../../core/errors.ts";
import { hash32 } from "../../core/rng.ts";
import type { Author, SegmentReason } from "../../decode/events/events.ts";
import type { Arm } from "../arms/arms.ts";
import { gradedPart } from "../graders/cut.ts";
import type { Journal } from "./journal.ts";
import { shareToRequest, tokenTotals } from "./matching.ts";
import {
  figuresOf,
  NO_USAGE,
  type EvaluationRow,
  type RowFigures,
  rowKey,
  type RowUsage,
  type RowWork,
} from "../row.ts";
import { type Job, type Phase, schedule } from "./schedule.ts";
import type { Task, TaskProblem } from "../tasks/task.ts";

/** Solves one problem once, under an arm. */
export type SolveSample = (request: SampleRequest, signal: AbortSignal) => Promise<SampleOutcome>;

export interface SampleRequest {
  readonly arm: Arm;
  readonly problem: TaskProblem;
  readonly seed: number;
  /** Share of tokens that a random arm is to hand over; set for `random` and `random-matched`. */
  readonly share?: number;
}

export interface SampleOutcome {
  /** The output of both authors, without tags. */
  readonly text: string;
  readonly segments: readonly {
    readonly author: Author;
    readonly text: string;
    readonly tokens: number;
    readonly reason: SegmentReason;
  }[];
  readonly usage: RowUsage;
  readonly handoffsMs: readonly number[];
  readonly firstTokenMs?: number;
  /** Work of each model, where it is known. */
  readonly work?: RowWork;
  readonly finishReason: string;
  /** Set if the big model was lost and the small one continued. The answer still counts. */
  readonly degraded?: string;
  /** Set if the sample failed. It counts as wrong. */
  readonly error?: string;
}

export interface EvaluationPlan {
  readonly task: Task;
  readonly arms: readonly Arm[];
  readonly problems: readonly TaskProblem[];
  /** Samples of each problem in each arm. */
  readonly samples: number;
  readonly seed: number;
}

export interface RunOptions {
  readonly solve: SolveSample;
  /** Samples in flight. */
  readonly concurrency: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly journal?: Journal;
  /** Called for each new row; `rows` of `total` are done. */
  readonly onRow?: (row: EvaluationRow, rows: number, total: number) => void;
}

/** The seed of one sample. It is the same in every arm, so that arms differ in their policy and not in their luck. */
export function sampleSeed(seed: number, problemId: string, sample: number): number {
  return hash32(`${problemId} ${sample}`, seed);
}

/**
 * Returns the figures of a row for every (problem, sample, arm), in this order. Whole rows go to the journal and to `onRow`. A failed sample is a
 * row that counts as wrong, with its reason. Rows in the journal are not run again. Rejects when `signal` aborts, and on a ConfigError, which
 * every other sample would meet too.
 */
export async function runEvaluation(
  plan: EvaluationPlan,
  options: RunOptions,
): Promise<readonly RowFigures[]> {
  const rows = new Map((options.journal?.kept ?? []).map((row) => [rowKey(row), row]));
  const total = plan.arms.length * plan.problems.length * plan.samples;
  for (const phase of schedule(plan.arms, plan.problems, plan.samples)) {
    const shares = matchedShares(plan, phase, rows);
    const open = phase.jobs.filter((job) => !rows.has(jobKey(job)));
    await forEachConcurrent(open, options.concurrency, options.signal, async (job, signal) => {
      const row = await runSample(plan, { ...job, share: shares.get(job.arm.name) }, options, signal);
      options.journal?.append(row);
      rows.set(jobKey(job), figuresOf(row));
      options.onRow?.(row, rows.size, total);
    });
  }
  return plan.problems.flatMap((problem) =>
    Array.from({ length: plan.samples }, (_, sample) =>
      plan.arms.flatMap((arm) => rows.get(jobKey({ arm, problem, sample })) ?? []),
    ).flat(),
  );
}

/** The shares that random arms are asked for in this phase. They depend on rows of earlier phases only, and not on the order in which these came. */
function matchedShares(
  plan: EvaluationPlan,
  phase: Phase,
  rows: ReadonlyMap<string, RowFigures>,
): Map<string, number> {
  const shares = new Map<string, number>();
  const rowsUpTo = (armName: string, count: number): RowFigures[] =>
    plan.problems
      .slice(0, count)
      .flatMap((problem) =>
        Array.from({ length: plan.samples }, (_, sample) =>
          rows.get(rowKey({ arm: armName, problemId: problem.id, sample })),
        ).filter((row) => row !== undefined),
      );
  for (const { name, policy } of plan.arms) {
    if (policy.kind === "random") shares.set(name, policy.share);
    if (policy.kind !== "random-matched" || phase.matched === undefined) continue;
    const [first] = phase.matched.problems;
    const done = plan.problems.findIndex((problem) => problem.id === first?.id);
    const target = tokenTotals(rowsUpTo(policy.target, done + phase.matched.problems.length));
    shares.set(name, shareToRequest(target, tokenTotals(rowsUpTo(name, done)), phase.matched.samples));
  }
  return shares;
}

/** Runs one sample. What fails of it is in the row; see {@link runEvaluation} for what rejects. */
export async function runSample(
  plan: Pick<EvaluationPlan, "task" | "seed">,
  { arm, problem, sample, share }: Job & { readonly share?: number | undefined },
  { solve, clock }: Pick<RunOptions, "solve" | "clock">,
  signal: AbortSignal,
): Promise<EvaluationRow> {
  const seed = sampleSeed(plan.seed, problem.id, sample);
  const startMs = clock.nowMs();
  const outcome = await solveOrFail(
    solve,
    { arm, problem, seed, ...(share === undefined ? {} : { share }) },
    signal,
  );
  const part = gradedPart(outcome.text, outcome.finishReason);
  const grade = part === null ? { answer: null, correct: false } : plan.task.grade(part, problem);
  return {
    problemId: problem.id,
    problem: problem.problem,
    gold: problem.gold,
    arm: arm.name,
    sample,
    seed,
    answer: grade.answer,
    correct: grade.correct && outcome.error === undefined,
    finishReason: outcome.finishReason,
    text: outcome.text,
    segments: outcome.segments.map((segment) => ({ ...segment })),
    usage: outcome.usage,
    handoffsMs: outcome.handoffsMs.map(roundMs),
    wallMs: roundMs(clock.nowMs() - startMs),
    ...(outcome.firstTokenMs === undefined ? {} : { firstTokenMs: roundMs(outcome.firstTokenMs) }),
    ...(outcome.work === undefined ? {} : { work: outcome.work }),
    ...(share === undefined ? {} : { requestedShare: share }),
    ...(outcome.degraded === undefined ? {} : { degraded: outcome.degraded }),
    ...(outcome.error === undefined ? {} : { error: outcome.error }),
  };
}

async function solveOrFail(
  solve: SolveSample,
  request: SampleRequest,
  signal: AbortSignal,
): Promise<SampleOutcome> {
  try {
    const outcome = await solve(request, signal);
    signal.throwIfAborted();
    return outcome;
  } catch (error) {
    if (signal.aborted || error instanceof ConfigError) throw error;
    const code = error instanceof SplitReasonError ? `${error.code}: ` : "";
    return {
      text: "",
      segments: [],
      usage: NO_USAGE,
      handoffsMs: [],
      finishReason: "error",
      error: `${code}${errorMessage(error)}`,
    };
  }
}

/** Rounds to a hundredth. */
const roundMs = (milliseconds: number): number => Math.round(milliseconds * 100) / 100;

const jobKey = ({ arm, problem, sample }: Job): string =>
  rowKey({ arm: arm.name, problemId: problem.id, sample });
