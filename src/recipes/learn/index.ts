/**
 * A pair learns to offload: `splitreason learn`, as one page. The pair solves training problems under a policy that needs no training; what the
 * big model wrote in right traces becomes the spans. The small model learns to put tags around such spans (Paper 3.3), as an adapter. With the big
 * model in the rollouts, reinforcement learning finds out where a tag is worth its price (Paper 3.4). Then the dial is measured.
 *
 * Every stage leaves its result in the work folder and continues there. Only the command line calls this.
 */
import { rm } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

import { ConfigError, SplitReasonError } from "../../core/errors.ts";
import { makeFolder, writeFileAtomic } from "../../core/files.ts";
import { given } from "../../core/given.ts";
import { lockRun } from "../../core/run-lock.ts";
import { writeCalibration } from "../../decode/pair/calibration-file.ts";
import type { PairConfig } from "../../decode/pair/pair-config.ts";
import { calibrate, type CalibrationHooks } from "../../eval/calibrate/calibrate.ts";
import { calibrationTable } from "../../eval/calibrate/table.ts";
import { openTask } from "../../eval/tasks/open.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import { OFFLOAD_TAGS } from "../../tags/index.ts";
import { ADAPTER_GGUF } from "../../train/export/index.ts";
import { BEST_FOLDER } from "../../train/grpo/loop.ts";
import { reinforce, reinforceConfigSchema, type ReinforceHooks } from "../reinforce/index.ts";
import { makeRollouts, openTrainingTask, type RolloutProgress } from "../rollouts/index.ts";
import { type RunHooks, sft, sftConfigSchema } from "../supervised/index.ts";
import type { LearnConfig } from "./config.ts";
import type { OpenedPair } from "./named-pairs.ts";
import { splitProblems } from "./problem-files.ts";
import { type DoneStage, type StageFigures, type StageHooks, Stages } from "./stages.ts";

export type { DoneStage } from "./stages.ts";
export { FAST_LEARNING, type LearnConfig, learnConfigSchema, MICRO_LEARNING } from "./config.ts";
export { namedPair, pairFolder, requireFiles } from "./named-pairs.ts";

export interface LearnOptions {
  readonly pair: OpenedPair;
  /** A task as `data rollouts` takes it: its problems to train on. */
  readonly task: string;
  readonly config: LearnConfig;
  /** Problems, traces, checkpoints, metrics, adapters, pair.json. */
  readonly work: string;
  readonly threads: number;
}

export interface LearnHooks extends StageHooks {
  readonly signal: AbortSignal;
  readonly fetchRows?: FetchRows;
  readonly onRollouts?: (progress: RolloutProgress) => void;
  readonly supervised?: Omit<RunHooks, "signal">;
  readonly reinforcement?: Omit<ReinforceHooks, "signal" | "fetchRows">;
  readonly calibration?: Omit<CalibrationHooks, "signal" | "clock">;
}

export interface Learned {
  /** The pair file: the small model with its adapter, the big one, and the calibration. */
  readonly pair: string;
  readonly stages: readonly DoneStage[];
}

/** Runs all stages. @throws SplitReasonError `aborted` when the signal stopped it: the same call continues. */
export async function learn(options: LearnOptions, hooks: LearnHooks): Promise<Learned> {
  const { config } = options;
  const work = resolve(options.work);
  requireTrainedTags(options.pair.config);
  await makeFolder(work);
  using _lock = lockRun(join(work, "learn.lock"));
  const stages = await Stages.open(work, hooks);
  const problems = await splitProblems(options.task, config.heldOut, join(work, "problems"), hooks);
  const settings = { pair: options.pair, task: options.task, heldOut: config.heldOut, seed: config.seed };

  const rollouts = join(work, "rollouts.jsonl");
  await stages.run("rollouts", { ...settings, rollouts: config.rollouts }, () =>
    solveProblems(options, problems, rollouts, hooks),
  );

  const tuned = join(work, "sft");
  const sftSettings = { lora: config.lora, sft: config.sft };
  await stages.run("sft", sftSettings, () => tune(options, rollouts, tuned, hooks));

  const reinforced = join(work, "grpo");
  await stages.run("grpo", { grpo: config.grpo }, () =>
    reinforceTuned(options, problems, { tuned: join(tuned, "model"), folder: reinforced }, hooks),
  );

  const adapter = join(reinforced, BEST_FOLDER, ADAPTER_GGUF);
  const learned = withAdapter(options.pair.config, adapter);
  const table = join(work, "calibration.json");
  await stages.run("calibration", config.calibration, () =>
    measureDial(options, learned, problems.heldOut, table, hooks),
  );

  const pair = join(work, "pair.json");
  // Paths in a pair file start at its folder, which may be moved.
  const document = {
    ...withAdapter(options.pair.config, relative(work, adapter)),
    calibration: relative(work, table),
  };
  await writeFileAtomic(pair, `${JSON.stringify(document, null, 2)}\n`);
  return { pair, stages: stages.done };
}

/** @throws ConfigError before anything is done: after hours of rollouts it would be too late. */
function requireTrainedTags({ options: { tags } }: PairConfig): void {
  if (tags.open === OFFLOAD_TAGS.open && tags.close === OFFLOAD_TAGS.close) return;
  throw new ConfigError(
    `the tags of this pair are ${tags.open} and ${tags.close}; training knows ${OFFLOAD_TAGS.open} and ${OFFLOAD_TAGS.close} only.`,
    { code: "pair-mismatch" },
  );
}

type Problems = Awaited<ReturnType<typeof splitProblems>>;

async function solveProblems(
  { pair, config, threads }: LearnOptions,
  problems: Problems,
  out: string,
  { clock, signal, fetchRows, onRollouts }: LearnHooks,
): Promise<StageFigures> {
  const { problems: wanted, samples, policy, temperature, grain, keep, maxShare } = config.rollouts;
  const summary = await makeRollouts(
    {
      task: await openTrainingTask(problems.training, { signal, ...given({ fetchRows }) }),
      pair: { ...pair.config, sampling: { ...pair.config.sampling, temperature } },
      policy,
      problems: Math.min(wanted, problems.size ?? wanted),
      samples,
      seed: config.seed,
      grain,
      choice: { keep, minShare: 0, maxShare, unaided: true },
      budget: {},
      concurrency: config.concurrency,
      threads,
      out,
    },
    { clock, signal, ...(onRollouts === undefined ? {} : { onProgress: onRollouts }) },
  );
  const { right, rows, unaided, spans, share } = summary;
  return { samples: summary.samples, right, rows, unaided, spans, share };
}

async function tune(
  { pair, config, threads }: LearnOptions,
  data: string,
  folder: string,
  { signal, supervised }: LearnHooks,
): Promise<StageFigures | undefined> {
  const settings = sftConfigSchema.parse({
    threads,
    ...config.sft,
    training: { seed: config.seed, ...asRecord(config.sft["training"]) },
    model: pair.trainable,
    data,
    lora: config.lora,
  });
  const { status, step, lastLoss } = await sft(settings, folder, { ...supervised, signal });
  return status === "done" ? { steps: step, lastLoss: lastLoss ?? null } : undefined;
}

async function reinforceTuned(
  { pair, config, threads }: LearnOptions,
  problems: Problems,
  { tuned, folder }: { readonly tuned: string; readonly folder: string },
  { signal, fetchRows, reinforcement }: LearnHooks,
): Promise<StageFigures | undefined> {
  const settings = reinforceConfigSchema.parse({
    threads,
    ...config.grpo,
    grpo: { seed: config.seed, concurrency: config.concurrency, ...asRecord(config.grpo["grpo"]) },
    model: pair.trainable,
    big: pair.config.big,
    data: problems.training,
    heldOutData: problems.heldOut,
    openThinking: pair.config.openThinking,
    lora: { ...config.lora, start: tuned },
  });
  const { status, best } = await reinforce(settings, folder, {
    ...reinforcement,
    signal,
    ...given({ fetchRows }),
  });
  if (status === "interrupted") return undefined;
  if (best !== undefined) return { bestStep: best.step, score: best.score, ...best.scores };
  throw new SplitReasonError(`${folder} ended without a held-out score: no policy model was kept.`, {
    code: "internal",
  });
}

async function measureDial(
  { config, threads }: LearnOptions,
  pair: PairConfig,
  heldOut: string,
  table: string,
  { clock, signal, fetchRows, calibration }: LearnHooks,
): Promise<StageFigures> {
  const { targetShare, problems } = config.calibration;
  const measured = {
    pair,
    task: await openTask(heldOut, { signal, ...given({ fetchRows }) }),
    problems,
    seed: config.seed,
  };
  const result = await calibrate(
    { ...measured, concurrency: config.concurrency, threads, partial: table, ...given({ targetShare }) },
    { ...calibration, clock, signal },
  );
  await writeCalibration(table, await calibrationTable(measured, result));
  await rm(result.samples, { recursive: true, force: true });
  const learned = result.points.find(({ bias, reject }) => bias === 0 && reject === 0);
  return {
    settings: result.points.length,
    ...(learned === undefined ? {} : { accuracy: learned.accuracy, share: learned.share }),
  };
}

/** The pair with an adapter on its small model. The options of its policies hold for the same texts. */
const withAdapter = (pair: PairConfig, adapter: string): PairConfig => ({
  ...pair,
  small: `${pair.small}?lora=${adapter}`,
  smallBase: pair.small,
});

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? { ...value } : {};
