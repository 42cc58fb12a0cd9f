/**
 * Teaches the small model of the micro pair to offload: `splitreason micro learn`. The pair before tuning marks the hard spans of traces
 * (Paper 3.2). The small model learns to put tags around them (Paper 3.3, SFT). Reinforcement learning with the big model in the rollouts
 * then finds out where a tag is worth its price. Every stage leaves its result in the work folder, so a run that was stopped continues.
 */
import { join } from "node:path";

import type { Provenance } from "../../core/provenance.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import type { GrpoEvaluation, GrpoMetrics } from "../../train/grpo/loop.ts";
import { BEST_FOLDER } from "../../train/grpo/loop.ts";
import type { StepMetrics } from "../../train/supervised/loop.ts";
import { reinforce, reinforceConfigSchema } from "../reinforce/index.ts";
import { annotateMicro } from "./annotate.ts";
import type { MicroLearnConfig } from "./config.ts";
import { microTokenizer } from "./corpus.ts";
import { published, type TrainedModel } from "./pretrain.ts";
import { tune } from "./tune.ts";

export interface LearnHooks {
  readonly onMessage?: (message: string) => void;
  readonly onAnnotated?: (done: number, total: number) => void;
  readonly onStep?: (model: string, metrics: StepMetrics) => void;
  readonly onGrpoStep?: (metrics: GrpoMetrics, steps: number) => void;
  readonly onGrpoEvaluation?: (evaluation: GrpoEvaluation) => void;
  readonly signal?: AbortSignal;
}

export interface LearnOptions extends LearnHooks {
  readonly config: MicroLearnConfig;
  readonly base: TrainedModel;
  readonly big: TrainedModel;
  /** Annotated traces, checkpoints, metrics, rollouts. */
  readonly work: string;
  /** Folder of the annotated traces, for runs that share them. */
  readonly annotated?: string;
  readonly threads: number;
  readonly provenance: Provenance;
  /** Replaces the annotated traces, for experiments. */
  readonly annotate?: (annotated: readonly TraceRow[]) => readonly TraceRow[];
}

export interface Learned {
  /** The best policy model by held-out score. */
  readonly small: TrainedModel;
  /** The model that reinforcement learning started from. */
  readonly tuned: TrainedModel;
  readonly annotation: { readonly share: number; readonly threshold: number; readonly spans: number };
  readonly best: GrpoEvaluation;
  /** Seconds of this call; a continued run took longer in all. */
  readonly seconds: { readonly annotation: number; readonly tuning: number; readonly reinforcement: number };
}

/** Runs all stages. Undefined when the signal stopped it: call it again with the same options to continue. */
export async function learnToOffload(options: LearnOptions): Promise<Learned | undefined> {
  const { config, base, big, work, threads, onMessage } = options;
  const stopwatch = startStopwatch();

  onMessage?.(`annotating ${config.annotation.traces} traces by likelihood gap`);
  const { rows, ...annotation } = await annotateMicro(
    config,
    { small: base, big },
    {
      folder: options.annotated ?? work,
      threads,
      ...(options.onAnnotated === undefined ? {} : { onProgress: options.onAnnotated }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  const annotationSeconds = stopwatch();

  onMessage?.("tuning the small model on annotated traces");
  const tuned = await tune(config, base, options.annotate?.(rows) ?? rows, {
    ...options,
    name: "small",
    tokenizer: microTokenizer(),
    folder: join(work, "tuned"),
  });
  if (tuned === undefined) return undefined;
  const tuningSeconds = stopwatch();

  onMessage?.("reinforcement learning, the big model writing in the rollouts");
  const folder = join(work, "grpo");
  const outcome = await reinforce(
    reinforceConfigSchema.parse({
      ...config.reinforcement,
      model: tuned.folder,
      big: `gguf:${big.gguf}`,
      threads,
    }),
    folder,
    {
      ...(options.onGrpoStep === undefined ? {} : { onStep: options.onGrpoStep }),
      ...(options.onGrpoEvaluation === undefined ? {} : { onEvaluation: options.onGrpoEvaluation }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  if (outcome.status === "interrupted" || outcome.best === undefined) return undefined;
  if (outcome.reason !== undefined) onMessage?.(`stopped early: ${outcome.reason}`);
  return {
    small: await published("small", join(folder, BEST_FOLDER)),
    tuned,
    annotation,
    best: outcome.best,
    seconds: { annotation: annotationSeconds, tuning: tuningSeconds, reinforcement: stopwatch() },
  };
}

/** Returns a function that tells the whole seconds since its last call. */
function startStopwatch(): () => number {
  let lastMs = performance.now();
  return () => {
    const nowMs = performance.now();
    const seconds = Math.round((nowMs - lastMs) / 1000);
    lastMs = nowMs;
    return seconds;
  };
}
