/**
 * The loop of reinforcement learning: training steps, evaluations, checkpoints, resuming, and noticing a collapse (Paper 3.3, whose
 * training never calls the large model). A training step is a pure function of the configuration, the step and the weights. So a run that
 * was stopped anywhere continues to the same curve.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { type Clock, systemClock } from "../../core/clock.ts";
import { EngineError } from "../../core/errors.ts";
import { lockRun } from "../../core/run-lock.ts";
import type { Engine } from "../../engines/engine.ts";
import { RunFolder } from "../run-folder.ts";
import type { Reference } from "../trainer.ts";
import { BestModel, type GrpoEvaluation } from "./best-model.ts";
import { type CollapseSigns, collapseReason } from "./collapse.ts";
import { fixedGrpoConfig } from "./config.ts";
import { KeptRollouts } from "./kept-rollouts.ts";
import { type Failures, withoutOutage } from "./outage.ts";
import { type StepMetrics, type StepOptions, trainingStep } from "./step.ts";

export interface GrpoMetrics extends StepMetrics {
  readonly step: number;
  readonly secondsLeft: number;
}

/** Result of an evaluation of the policy model on held-out problems. */
export type Judgement = Omit<GrpoEvaluation, "step"> & { readonly failures?: Failures };

export interface GrpoOptions extends StepOptions {
  readonly folder: string;
  readonly header: { readonly identity: unknown; readonly provenance: unknown };
  /** Attempts the held-out problems with the policy model as it is. */
  readonly evaluate?: (policyModel: Engine) => Promise<Judgement>;
  readonly onStep?: (metrics: GrpoMetrics) => void;
  readonly onEvaluation?: (evaluation: GrpoEvaluation) => void;
  readonly clock?: Clock;
}

export interface GrpoOutcome {
  readonly status: "done" | "interrupted" | "collapsed";
  readonly step: number;
  /** Reason for stopping early. */
  readonly reason?: string;
  readonly best?: GrpoEvaluation;
}

export { BEST_FOLDER, type GrpoEvaluation } from "./best-model.ts";
/** Folder of the checkpoint that the run started from. */
const START_FOLDER = "start";

export async function runGrpo(options: GrpoOptions): Promise<GrpoOutcome> {
  const { config, trainer, clock = systemClock } = options;
  const isStopped = (): boolean => options.signal?.aborted === true;
  await mkdir(options.folder, { recursive: true });
  using _lock = lockRun(join(options.folder, "run.lock"));
  const header = { config, fixedConfig: fixedGrpoConfig(config), ...options.header };
  const run = await RunFolder.open(options.folder, header, clock);
  let { step } = run;
  if (step > 0) await trainer.load(join(options.folder, run.checkpoint));
  await using reference = await openReference(options, step);
  const kept = await KeptRollouts.open(options.folder, step);
  const history: CollapseSigns[] = run.records.filter(isStepRecord);
  const best = await BestModel.open(options.folder);
  const startedMs = clock.nowMs();
  const startedStep = step;

  const evaluated = new Set(run.records.filter(isEvaluationRecord).map((record) => record.step));
  const isUnevaluated = (): boolean =>
    options.evaluate !== undefined &&
    (step % config.evaluateEvery === 0 || step === config.steps) &&
    !evaluated.has(step);
  const evaluateWhenDue = async (): Promise<void> => {
    if (options.evaluate === undefined || !isUnevaluated()) return;
    const { failures: _, ...judged } = await judge(options, options.evaluate, step);
    const evaluation = { step, ...judged };
    // The record says that the evaluation is done, so it comes last.
    await best.offer(evaluation, (folder) => trainer.export(folder));
    evaluated.add(step);
    options.onEvaluation?.(evaluation);
    await run.log({ type: "evaluation", ...evaluation });
  };
  /** Returns undefined when the signal ended the work. The next run makes a half-done step or evaluation again. */
  const unlessStopped = async <Result>(work: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (isStopped()) return undefined;
      throw error;
    }
  };
  const save = (): Promise<void> => run.save(step, (folder) => trainer.save(folder));
  const outcome = (status: GrpoOutcome["status"], reason?: string): GrpoOutcome => ({
    status,
    step,
    ...(reason === undefined ? {} : { reason }),
    ...(best.evaluation === undefined ? {} : { best: best.evaluation }),
  });

  // A collapsed run continues only with other thresholds.
  let reason = collapseReason(history, config.collapse);
  if (reason !== undefined) return outcome("collapsed", reason);
  try {
    await unlessStopped(evaluateWhenDue);
    while (step < config.steps && !isStopped()) {
      const made = await unlessStopped(() => trainingStep(options, step, reference, clock));
      if (made === undefined) break;
      step++;
      const secondsLeft = ((clock.nowMs() - startedMs) / 1000 / (step - startedStep)) * (config.steps - step);
      const metrics: GrpoMetrics = { ...made.metrics, step, secondsLeft };
      history.push(metrics);
      options.onStep?.(metrics);
      await run.log({ type: "step", ...metrics });
      kept.add(made.groups, step, config.keepRollouts);
      reason = collapseReason(history, config.collapse);
      await unlessStopped(evaluateWhenDue);
      if (step % config.checkpointEvery === 0 || step === config.steps || reason !== undefined) await save();
      if (reason !== undefined) return outcome("collapsed", reason);
    }
  } catch (error) {
    // The weights are those of the last whole step.
    if (error instanceof EngineError && error.code === "engine-unavailable") await save();
    throw error;
  }
  // Saves the steps since the last checkpoint.
  if (isStopped()) await save();
  return outcome(step === config.steps && !isUnevaluated() ? "done" : "interrupted");
}

/** Largest part of the held-out rollouts that may fail. More failures could change which policy model is the best. */
const MOST_UNJUDGED = 0.02;

function judge(
  { trainer, config, ...options }: GrpoOptions,
  evaluate: NonNullable<GrpoOptions["evaluate"]>,
  step: number,
): Promise<Judgement> {
  return withoutOutage(
    `the held-out rollouts after step ${step}`,
    async () => {
      await using policyModel = await trainer.sampler();
      const judged = await evaluate(policyModel);
      // If the policy model was lost, the rollouts say nothing about it.
      if (trainer.lost !== undefined) throw trainer.lost;
      return judged;
    },
    ({ failures }) => failures ?? { failed: 0, of: 0, reason: undefined },
    { ...config.outage, mostFailed: MOST_UNJUDGED, signal: options.signal, onNotice: options.onNotice },
  );
}

/** Opens the reference policy: the checkpoint that is written before the first step, so that a resumed run measures from the same place. */
async function openReference({ trainer, folder }: GrpoOptions, step: number): Promise<Reference | undefined> {
  const path = join(folder, START_FOLDER);
  if (trainer.reference === undefined) return undefined;
  if (step === 0) await trainer.save(path);
  return existsSync(path) ? trainer.reference(path) : undefined;
}

type LoggedRecord = Readonly<Record<string, unknown>>;

const isStepRecord = (record: LoggedRecord): record is LoggedRecord & CollapseSigns =>
  record["type"] === "step" &&
  ["steadyReward", "share", "entropy"].every((field) => typeof record[field] === "number");

const isEvaluationRecord = (record: LoggedRecord): record is LoggedRecord & { readonly step: number } =>
  record["type"] === "evaluation" && typeof record["step"] === "number";
