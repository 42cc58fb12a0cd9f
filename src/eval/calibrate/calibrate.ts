/**
 * Measures what the dial does on held-out problems: the big model's share, and accuracy, at several settings. One of them has the wanted share.
 * Every sample is kept until all are done, so that a stopped run continues to the same table.
 */
import type { Clock } from "../../core/clock.ts";
import { digestOf } from "../../core/digest.ts";
import { EngineError } from "../../core/errors.ts";
import { readProvenance } from "../../core/provenance.ts";
import { given } from "../../core/given.ts";
import { createRng } from "../../core/rng.ts";
import type { Calibration, CalibrationPoint, ShareDial } from "../../decode/dial/calibration.ts";
import { learned, requireFit } from "../../decode/index.ts";
import { Pair } from "../../decode/pair/pair.ts";
import { contextNeed, contextOptions } from "../../decode/pair/context-need.ts";
import { decodingOptions, type PairConfig } from "../../decode/pair/pair-config.ts";
import { type Arm, DEFAULT_RANDOM_CHUNK } from "../arms/arms.ts";
import { searchShares, type SearchResult } from "./search.ts";
import { describeSettings } from "../run/evaluate.ts";
import { Journal } from "../run/journal.ts";
import type { RowFigures } from "../row.ts";
import { runEvaluation } from "../run/runner.ts";
import { createSolver } from "../run/solver.ts";
import { bootstrapRatio, wilsonInterval } from "../statistics/accuracy.ts";
import { longestPromptBytes } from "../tasks/prompt.ts";
import type { Task } from "../tasks/task.ts";

export interface CalibrationSettings {
  readonly pair: PairConfig;
  readonly task: Task;
  /** Held-out problems for each setting. */
  readonly problems: number;
  readonly seed: number;
  /** Samples in flight. */
  readonly concurrency: number;
  /** Threads of each model. */
  readonly threads?: number;
  /** Tokens of context for each sequence. Default: what the longest prompt and output need. */
  readonly context?: number;
  /** The wanted share. Without it, only the curve is measured. */
  readonly targetShare?: number;
  /** Beginning of the names of the folders that keep samples until the table is done. */
  readonly partial: string;
}

interface CalibrationProgress {
  readonly dial: ShareDial;
  /** Samples of this setting. */
  readonly done: number;
  readonly total: number;
  /** About how many settings come after this one. */
  readonly left: number;
}

export interface CalibrationHooks {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with the number of samples that an earlier run left. */
  readonly onStart?: (kept: number) => void;
  /** `isNew`: it was solved now. */
  readonly onSample?: (progress: CalibrationProgress, isNew: boolean) => void;
  /** Called with the number of tokens that any sample has just written. */
  readonly onTokens?: (count: number) => void;
  readonly onPoint?: (point: CalibrationPoint) => void;
}

export interface CalibrationResult extends SearchResult {
  readonly git: string | null;
  /** Lengths at bias 0, as in the table; undefined if nothing was handed over there. */
  readonly expected?: Calibration["expected"];
  /** The folder with the samples; it can be removed once the table is written. */
  readonly samples: string;
}

/** Added to the seed: calibration must not see the problems that `eval` reports on. */
const HELD_OUT_SEED = 500_009;

/**
 * @throws ConfigError when the target is more than the model asks for, or the pair does not fit. An abort rejects with the signal's reason; the
 * samples are kept then.
 */
export async function calibrate(
  settings: CalibrationSettings,
  hooks: CalibrationHooks,
): Promise<CalibrationResult> {
  const { task, targetShare, concurrency, threads, context, partial } = settings;
  const { onPoint } = hooks;
  const seed = settings.seed + HELD_OUT_SEED;
  const problems = await task.problems(settings.problems, seed);
  const { git } = await readProvenance();
  // The dial's other settings stay as they are.
  const { bias: _bias, reject: _reject, ...dial } = settings.pair.dial;
  const config = {
    ...(await describeSettings({
      ...settings,
      seed,
      samples: 1,
      arms: [armOf(START)],
      randomChunk: DEFAULT_RANDOM_CHUNK,
    })),
    dial,
  };
  await using pair = await Pair.open(
    settings.pair,
    {
      sequences: concurrency,
      ...given({ threads }),
      ...contextOptions(context, contextNeed(settings.pair, longestPromptBytes(task, problems))),
    },
    hooks.signal,
  );
  requireFit(pair, learned(), settings.pair.tags);
  const configHash = digestOf(config);
  const folder = `${partial}.${configHash}.partial`;
  const journal = await Journal.open(folder, { configHash, config });
  let expected: Calibration["expected"];
  const measure = async (point: ShareDial, left: number): Promise<CalibrationPoint> => {
    const arm = armOf(point);
    const kept = journal.kept.filter((row) => row.arm === arm.name).length;
    const total = problems.length;
    let done = kept;
    hooks.onSample?.({ dial: point, done, total, left }, false);
    const rows = await runEvaluation(
      { task, arms: [arm], problems, samples: 1, seed },
      {
        solve: createSolver({
          tuned: pair,
          task,
          maxTokens: settings.pair.maxTokens,
          sampling: settings.pair.sampling,
          dial: { ...dial, ...point },
          options: decodingOptions(settings.pair),
          randomChunk: DEFAULT_RANDOM_CHUNK,
          ...given({ onTokens: hooks.onTokens }),
        }),
        concurrency,
        clock: hooks.clock,
        signal: hooks.signal,
        journal,
        onRow: () => hooks.onSample?.({ dial: point, done: ++done, total, left }, true),
      },
    );
    await requireWhole(rows, () => journal.discard((row) => row.arm === arm.name));
    if (point.bias === START.bias && point.reject === START.reject) expected = meanLengths(rows);
    const measured = pointFrom(point, rows, seed);
    onPoint?.(measured);
    return measured;
  };
  try {
    hooks.onStart?.(journal.kept.length);
    const result = await searchShares({
      measure,
      canBias: pair.small.capabilities.logitBias,
      ...(targetShare === undefined ? {} : { targetShare }),
    });
    return { ...result, git, ...given({ expected }), samples: folder };
  } finally {
    await journal.close();
  }
}

const START: ShareDial = { bias: 0, reject: 0 };

/** Its name says the setting: rows of the journal are found by it. */
const armOf = ({ bias, reject }: ShareDial): Arm => ({
  name: `learned, bias ${bias}, reject ${reject}`,
  checkpoint: "tuned",
  policy: { kind: "policy", name: "learned", options: {} },
});

function meanLengths(rows: readonly RowFigures[]): Calibration["expected"] {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const spans = sum(rows.map(({ usage }) => usage.switches));
  const big = sum(rows.map(({ usage }) => usage.bigTokens));
  if (spans === 0 || big === 0) return undefined;
  const lengths = rows.map(({ usage }) => usage.smallTokens + usage.bigTokens).toSorted((a, b) => a - b);
  return { tokens: lengths[Math.ceil(0.9 * lengths.length) - 1] ?? 0, spanTokens: big / spans };
}

/** Part of the samples that may fail or lose the big model. With more, the share would not be that of the dial. */
const MAX_FAILED = 0.05;

/** @param forget Removes the samples of this setting. Those of other settings stay. */
async function requireWhole(rows: readonly RowFigures[], forget: () => Promise<void>): Promise<void> {
  const failures = rows.flatMap(({ error, degraded }) => error ?? degraded ?? []);
  if (failures.length <= MAX_FAILED * rows.length) return;
  // A run that continues must not use them.
  await forget();
  throw new EngineError(
    `${failures.length} of ${rows.length} samples failed or lost the big model; the first: ${failures[0]}. Run the same command again when both models answer: it continues.`,
    { code: "engine-failed" },
  );
}

function pointFrom(dial: ShareDial, rows: readonly RowFigures[], seed: number): CalibrationPoint {
  const right = rows.filter(({ correct }) => correct).length;
  const share = bootstrapRatio(
    rows.map(({ usage }) => [usage.bigTokens, usage.bigTokens + usage.smallTokens]),
    createRng(seed).fork("share"),
  );
  return {
    ...dial,
    share: share.value,
    shareCi95: share.ci95,
    accuracy: right / rows.length,
    ci95: wilsonInterval(right, rows.length),
  };
}
