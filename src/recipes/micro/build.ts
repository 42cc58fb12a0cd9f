/**
 * Builds the shipped pair from nothing: `splitreason micro build`. Two models learn the domain from the same kind of data; then the small
 * one learns to offload (`learn.ts`). Every stage leaves its result in the work folder, so a run that was stopped continues. The same
 * configuration and thread count give the same bytes.
 */
import { join } from "node:path";

import { digestOf } from "../../core/digest.ts";
import { writeFileAtomic } from "../../core/files.ts";
import type { Provenance } from "../../core/provenance.ts";
import { openEngine } from "../../engines/open/open-engine.ts";
import { microExample, type MicroExample } from "../../micro/index.ts";
import type { Evaluation } from "../../train/supervised/loop.ts";
import { modelCard } from "./card.ts";
import type { MicroBuildConfig } from "./config.ts";
import { microTokenizer } from "./corpus.ts";
import { type LearnHooks, learnToOffload } from "./learn.ts";
import { type MeasuredSkills, measureSkills } from "./measure.ts";
import { pretrain, type StageOptions, type TrainedModel } from "./pretrain.ts";
import { publishLearned, publishModels } from "./publish.ts";

export interface MicroBuildOptions extends LearnHooks {
  readonly config: MicroBuildConfig;
  /** Folder for `small`, `small-base` and `big`. They are replaced when all is done. */
  readonly out: string;
  /** Checkpoints, metrics and annotated traces. */
  readonly work: string;
  /** Threads of each training. */
  readonly threads: number;
  readonly provenance: Provenance;
  readonly onEvaluation?: (model: string, evaluation: Evaluation) => void;
}

/** The results in `build.json`, beside configuration and provenance. */
export interface MicroBuildResult {
  readonly skills: Readonly<Record<"small-base" | "big", MeasuredSkills>>;
  readonly parameters: { readonly small: number; readonly big: number };
  /** Seconds of this call; a continued build took longer in all. */
  readonly seconds: Readonly<Record<"pretraining" | "annotation" | "tuning" | "reinforcement", number>>;
}

/** Builds the pair. Undefined when the signal stopped it: call it again with the same options to continue. */
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

  onMessage?.(`measuring skills on ${config.skillProblems} validation problems`);
  const examples = Array.from({ length: config.skillProblems }, (_, index) =>
    microExample("validation", config.seed + 1, index),
  );
  const skills = {
    "small-base": await skillsOf(base, examples, options.signal),
    big: await skillsOf(big, examples, options.signal),
  };
  const pretrainingSeconds = Math.round((performance.now() - startedMs) / 1000);

  const learned = await learnToOffload({ ...options, config: config.learning, base, big });
  if (learned === undefined) return undefined;

  const result: MicroBuildResult = {
    skills,
    parameters: { small: base.parameters, big: big.parameters },
    seconds: { pretraining: pretrainingSeconds, ...learned.seconds },
  };
  const record = { configHash: digestOf(config), config, threads: options.threads, ...options.provenance };
  await publishModels(options.out, [
    { model: base, card: modelCard(base, { ...options, result }) },
    { model: big, card: modelCard(big, { ...options, result }) },
  ]);
  await writeFileAtomic(
    join(options.out, "build.json"),
    `${JSON.stringify({ ...record, ...result }, undefined, 2)}\n`,
  );
  await publishLearned(options.out, learned, { ...options, config: config.learning });
  return result;
}

async function skillsOf(
  model: TrainedModel,
  examples: readonly MicroExample[],
  signal: AbortSignal | undefined,
): Promise<MeasuredSkills> {
  await using engine = await openEngine(`gguf:${model.gguf}`, { threads: 1 }, signal);
  return await measureSkills(engine, examples, signal);
}
