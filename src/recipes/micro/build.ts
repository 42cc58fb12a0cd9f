/**
 * The shipped pair, from nothing: `splitreason micro build`. Two models learn the domain from the same kind of data, the pair scores
 * traces, the small one learns to ask where it loses most. Every stage leaves its result in the work folder: a run that was stopped
 * goes on where it was. The same configuration and thread count give the same bytes.
 */
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { digestOf } from "../../core/digest.ts";
import { writeFileAtomic } from "../../core/files.ts";
import type { Provenance } from "../../core/provenance.ts";
import type { AnnotateResult } from "../../data/index.ts";
import type { Engine } from "../../engines/engine.ts";
import { openEngine } from "../../engines/open-engine.ts";
import { microExample } from "../../micro/index.ts";
import type { Evaluation, StepMetrics } from "../../train/loop.ts";
import { annotateMicro } from "./annotate.ts";
import { modelCard } from "./card.ts";
import type { MicroBuildConfig } from "./config.ts";
import { microTokenizer } from "./corpus.ts";
import { type MeasuredSkills, measureSkills } from "./measure.ts";
import { pretrain, type StageOptions, type TrainedModel } from "./pretrain.ts";
import { tune } from "./tune.ts";

export interface MicroBuildOptions {
  readonly config: MicroBuildConfig;
  /** Gets `small`, `small-base` and `big`; each is replaced when all is done. */
  readonly out: string;
  /** Checkpoints, metrics and annotated traces. */
  readonly work: string;
  /** Of each training. */
  readonly threads: number;
  readonly provenance: Provenance;
  readonly onMessage?: (message: string) => void;
  readonly onStep?: (model: string, metrics: StepMetrics) => void;
  readonly onEvaluation?: (model: string, evaluation: Evaluation) => void;
  readonly onAnnotated?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What `build.json` says, beside configuration and provenance. */
export interface MicroBuildResult {
  readonly skills: Readonly<Record<"small-base" | "big", MeasuredSkills>>;
  readonly annotation: { readonly share: number; readonly threshold: number; readonly spans: number };
  readonly parameters: { readonly small: number; readonly big: number };
  /** Of this call: a build that was continued took longer in all. */
  readonly seconds: number;
}

/** Undefined when the signal stopped it: call again with the same options to go on. */
export async function buildMicroPair(options: MicroBuildOptions): Promise<MicroBuildResult | undefined> {
  const { config, onMessage, work } = options;
  const startedMs = performance.now();
  const tokenizer = microTokenizer();
  const stage = (name: string): StageOptions => ({
    ...options,
    name,
    tokenizer,
    folder: join(work, name),
  });

  onMessage?.("pre-training the small model");
  const base = await pretrain(config.small, config.seed, stage("small-base"));
  if (base === undefined) return undefined;
  onMessage?.("pre-training the big model");
  const big = await pretrain(config.big, config.seed, stage("big"));
  if (big === undefined) return undefined;

  const measured = await withEngines(base, big, options, async (engines) => {
    onMessage?.(`annotating ${config.annotation.traces} traces by likelihood gap`);
    const annotation = await annotateMicro(config, engines, {
      folder: work,
      ...(options.onAnnotated === undefined ? {} : { onProgress: options.onAnnotated }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    onMessage?.(`measuring skills on ${config.skillProblems} validation problems`);
    const examples = Array.from({ length: config.skillProblems }, (_, index) =>
      microExample("validation", config.seed + 1, index),
    );
    const skills = {
      "small-base": await measureSkills(engines.small, examples, options.signal),
      big: await measureSkills(engines.big, examples, options.signal),
    };
    return { annotation, skills };
  });

  onMessage?.("tuning the small model on annotated traces");
  const small = await tune(config, base, work, stage("small"));
  if (small === undefined) return undefined;

  const result: MicroBuildResult = {
    skills: measured.skills,
    annotation: annotationFigures(measured.annotation),
    parameters: { small: small.parameters, big: big.parameters },
    seconds: Math.round((performance.now() - startedMs) / 1000),
  };
  await publish([base, big, small], result, options);
  return result;
}

function annotationFigures({ share, threshold, spans }: AnnotateResult): MicroBuildResult["annotation"] {
  return { share, threshold, spans };
}

/** Opens both models on one thread each and closes them whatever happens. */
async function withEngines<T>(
  base: TrainedModel,
  big: TrainedModel,
  options: MicroBuildOptions,
  use: (engines: { readonly small: Engine; readonly big: Engine }) => Promise<T>,
): Promise<T> {
  await using small = await openEngine(`gguf:${base.gguf}`, { threads: 1 }, options.signal);
  await using large = await openEngine(`gguf:${big.gguf}`, { threads: 1 }, options.signal);
  return await use({ small, big: large });
}

/** Copies each model aside, with its card, and then puts all of them in place. */
async function publish(
  models: readonly TrainedModel[],
  result: MicroBuildResult,
  options: MicroBuildOptions,
): Promise<void> {
  const { config, out, provenance, threads } = options;
  const aside = join(out, ".partial");
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  for (const model of models) {
    await cp(model.folder, join(aside, model.name), { recursive: true });
    const card = modelCard(model, { config, result, provenance, threads });
    await writeFileAtomic(join(aside, model.name, "README.md"), card);
  }
  for (const { name } of models) {
    await rm(join(out, name), { recursive: true, force: true });
    await rename(join(aside, name), join(out, name));
  }
  await rm(aside, { recursive: true, force: true });
  const record = { configHash: digestOf(config), config, threads, ...provenance, ...result };
  await writeFileAtomic(join(out, "build.json"), `${JSON.stringify(record, undefined, 2)}\n`);
}
