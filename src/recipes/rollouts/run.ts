/**
 * Makes rollouts. A pair solves each problem several times, and every finished sample is kept in the journal at once. Rows are then chosen
 * and marked from the journal alone, so that other choices sample nothing again, and more problems or samples continue it.
 */
import { dirname } from "node:path";

import type { Clock } from "../../core/clock.ts";
import { digestOf } from "../../core/digest.ts";
import { ConfigError, SplitReasonError } from "../../core/errors.ts";
import { makeFolder } from "../../core/files.ts";
import { given } from "../../core/given.ts";
import { readProvenance } from "../../core/provenance.ts";
import { lockRun } from "../../core/run-lock.ts";
import { AnnotationJournal } from "../../data/annotate/journal.ts";
import { journalPath } from "../../data/annotate/run.ts";
import { formatOf } from "../../data/files/source.ts";
import { parsePolicySpec, policyFacts, requireFit } from "../../decode/index.ts";
import { Pair } from "../../decode/pair/pair.ts";
import { contextNeed, contextOptions } from "../../decode/pair/context-need.ts";
import { type PairConfig, pairPolicy } from "../../decode/pair/pair-config.ts";
import { type Arm, DEFAULT_RANDOM_CHUNK } from "../../eval/arms/arms.ts";
import { describeSettings } from "../../eval/run/evaluate.ts";
import { longestPromptBytes } from "../../eval/tasks/prompt.ts";
import type { Task } from "../../eval/tasks/task.ts";
import type { ChoiceOptions } from "./choice.ts";
import type { Grain } from "./grain.ts";
import { type RolloutBudget, type RolloutProgress, Sampling } from "./sampling.ts";
import { type RowCounts, writeRollouts } from "./write.ts";

export type { RolloutProgress } from "./sampling.ts";

export interface RolloutOptions {
  readonly task: Task;
  readonly pair: PairConfig;
  /** A policy that uses both models, with its options (`rewrite:step=sentence`). */
  readonly policy: string;
  readonly problems: number;
  /** Samples of each problem. */
  readonly samples: number;
  readonly seed: number;
  readonly grain: Grain;
  readonly choice: ChoiceOptions;
  readonly budget: RolloutBudget;
  /** Samples that are decoded together. */
  readonly concurrency: number;
  /** Threads of each model. */
  readonly threads?: number;
  /** Tokens of context for each sequence. Default: what the longest prompt and output need. */
  readonly context?: number;
  /** A .jsonl or .parquet file. `OUT.journal.jsonl` comes beside it. */
  readonly out: string;
}

export interface RolloutHooks {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called at every event of the decoder, and once before the first. */
  readonly onProgress?: (progress: RolloutProgress) => void;
}

export interface RolloutSummary extends RowCounts {
  /** `out-of-budget`: samples are missing; the same call continues with the next ones. */
  readonly status: "done" | "out-of-budget";
  readonly configHash: string;
  readonly policy: string;
  readonly grain: Grain;
  readonly problems: number;
  /** Samples in the journal, of these problems, and how many were asked for. */
  readonly samples: number;
  readonly wanted: number;
  /** Samples of this call that failed. They are not kept, and the same call tries them again. */
  readonly failed: number;
  readonly firstError?: string;
  /** Output of this call, both authors: tokens a second since its first sample began; undefined when it began none. */
  readonly tokensPerSecond?: number;
  readonly out: string;
}

/**
 * @throws ConfigError before anything is opened, when the policy does not use both models or `out` cannot be written in any form that is known.
 * ConfigError when the journal belongs to other settings. SplitReasonError with code `aborted` when the signal stops it; the same call
 * continues. EngineError when samples fail one after the other.
 */
export async function makeRollouts(
  options: RolloutOptions,
  { clock, signal, onProgress }: RolloutHooks,
): Promise<RolloutSummary> {
  const { task, pair: config, policy, grain, out, seed, concurrency, threads } = options;
  const arm = armOf(policy, config);
  if (formatOf(out) === undefined) {
    throw new ConfigError(`--out ${out}: rows are written to a file named .jsonl or .parquet.`, {
      code: "usage",
    });
  }
  const problems = await task.problems(options.problems, seed);
  const settings = await settingsOf(options, arm);
  const configHash = digestOf(settings);
  await makeFolder(dirname(out));
  using _lock = lockRun(`${journalPath(out)}.lock`);
  using journal = await AnnotationJournal.open(journalPath(out), {
    annotator: ANNOTATOR,
    identity: configHash,
    settings,
  });
  await using pair = await Pair.open(
    config,
    {
      sequences: concurrency,
      ...given({ threads }),
      ...contextOptions(options.context, contextNeed(config, longestPromptBytes(task, problems))),
    },
    signal,
  );
  requireFit(pair, pairPolicy(config, policy), config.tags);
  const sampling = new Sampling({ ...options, arm, problems, pair, journal, clock, onProgress });
  let status: RolloutSummary["status"];
  try {
    status = await sampling.run(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new SplitReasonError(
      `stopped after ${sampling.done} of ${sampling.wanted} samples; the same command continues from ${journal.path}.`,
      { code: "aborted", cause: error },
    );
  }
  const { git } = await readProvenance();
  const facts = {
    configHash,
    small: config.small,
    big: config.big,
    policy,
    grain,
    temperature: config.sampling.temperature,
    ...given({ git: git ?? undefined }),
  };
  const counts = await writeRollouts({
    ...options,
    tags: config.tags,
    problems,
    journal,
    small: pair.small,
    facts,
    signal,
  });
  const { failed, firstError, tokensPerSecond } = sampling;
  return {
    status,
    configHash,
    policy,
    grain,
    problems: problems.length,
    samples: sampling.done,
    wanted: sampling.wanted,
    failed,
    ...given({ firstError, tokensPerSecond }),
    ...counts,
    out,
  };
}

const ANNOTATOR = "rollouts";

/** @throws ConfigError on an unknown policy, a wrong option, or a policy that does not use both models. */
function armOf(policy: string, config: PairConfig): Arm {
  pairPolicy(config, policy);
  const { name, options } = parsePolicySpec(policy);
  if (policyFacts(name)?.uses !== "pair" || name === "self") {
    throw new ConfigError(
      `--policy ${policy}: rollouts are traces of two models, and this policy uses one; take rewrite, step-score or entropy.`,
      { code: "usage" },
    );
  }
  return { name: policy, checkpoint: "tuned", policy: { kind: "policy", name, options } };
}

/** The settings that a sample depends on. How many there are, and which of them become rows, is not among them. */
async function settingsOf(options: RolloutOptions, arm: Arm): Promise<Record<string, unknown>> {
  const {
    problems: _problems,
    samples: _samples,
    ...settings
  } = await describeSettings({
    ...options,
    arms: [arm],
    randomChunk: DEFAULT_RANDOM_CHUNK,
  });
  return settings;
}
