/** Runs a whole evaluation: opens the models that the arms need, runs the arms, and writes rows and summary. */
import type { Clock } from "../../core/clock.ts";
import { digestOf } from "../../core/digest.ts";
import { given } from "../../core/given.ts";
import { readProvenance } from "../../core/provenance.ts";
import { requireFit } from "../../decode/index.ts";
import { Pair } from "../../decode/pair/pair.ts";
import { contextNeed, contextOptions } from "../../decode/pair/context-need.ts";
import { policyOptionNames } from "../../decode/index.ts";
import { decodingOptions, type PairConfig, pairPolicyOptions } from "../../decode/pair/pair-config.ts";
import { modelFileDigest } from "../../engines/open/open-engine.ts";
import type { Arm } from "../arms/arms.ts";
import { type GivenSizes, sizeFromFile } from "../cost/compute.ts";
import { type PricedModels, pricesFor } from "../cost/prices.ts";
import { Journal } from "./journal.ts";
import type { EvaluationRow, RowFigures } from "../row.ts";
import { type EvaluationPlan, runEvaluation } from "./runner.ts";
import { createSolver, policyOf } from "./solver.ts";
import { type RunFacts, summarize } from "./summary.ts";
import type { EvaluationSummary, Rates } from "../summary-schema.ts";
import { longestPromptBytes } from "../tasks/prompt.ts";
import type { Task, TaskProblem } from "../tasks/task.ts";

export interface EvaluationSettings {
  readonly pair: PairConfig;
  readonly task: Task;
  readonly arms: readonly Arm[];
  /** Number of problems. */
  readonly problems: number;
  /** Samples of each problem in each arm. */
  readonly samples: number;
  readonly seed: number;
  /** Samples in flight. */
  readonly concurrency: number;
  /** Threads of each model. */
  readonly threads?: number;
  /** Tokens of context for each sequence. Default: what the longest prompt and output need. */
  readonly context?: number;
  /** Tokens in a row by one author in random arms (Paper 4: 32). */
  readonly randomChunk: number;
  /** A folder for rows and summary; an unfinished run of the same settings in it is continued. */
  readonly out?: string;
  /** Whether times and work go to a file of their own in `out`. Then rows.jsonl depends on the seed only. */
  readonly apart?: boolean;
  /** Prices and energy, for figures in the summary. Rows do not depend on them. */
  readonly rates?: Rates;
  /** Sizes of models for estimates of their arithmetic, instead of those that their files say. */
  readonly sizes?: GivenSizes;
}

export interface EvaluationHooks {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once, before the first sample, with the number of rows that an earlier run left. */
  readonly onStart?: (kept: number, total: number) => void;
  /** Called with the number of tokens that any sample has just written. */
  readonly onTokens?: (count: number) => void;
  readonly onRow?: (row: EvaluationRow, done: number, total: number) => void;
}

/**
 * @throws ConfigError before anything is written when the arms cannot run on this pair, or `out` holds another run; DataError when
 * `out` cannot be written. An abort rejects with the signal's reason; `out` then holds what continues the run.
 */
export async function evaluate(
  settings: EvaluationSettings,
  { clock, signal, onStart, onTokens, onRow }: EvaluationHooks,
): Promise<{ readonly summary: EvaluationSummary; readonly rows: readonly RowFigures[] }> {
  const { task, arms, samples, seed, out, rates } = settings;
  const plan: EvaluationPlan = {
    task,
    arms,
    samples,
    seed,
    problems: await task.problems(settings.problems, seed),
  };
  const config = await describeSettings(settings);
  const models = pricedModels(settings);
  if (rates !== undefined) for (const { checkpoint } of arms) pricesFor(rates, models, checkpoint);
  const run: RunFacts = {
    configHash: digestOf(config),
    config,
    provenance: await readProvenance(),
    execution: {
      concurrency: settings.concurrency,
      ...given({ threads: settings.threads, context: settings.context }),
    },
    models,
    modelSizes: modelSizes(settings),
    ...(rates === undefined ? {} : { rates }),
  };
  const journal =
    out === undefined ? undefined : await Journal.open(out, { configHash: run.configHash, config });
  try {
    await using opened = await openModels(settings, plan.problems, signal);
    onStart?.(journal?.kept.length ?? 0, arms.length * plan.problems.length * samples);
    const rows = await runEvaluation(plan, {
      solve: createSolver({
        ...opened,
        task,
        maxTokens: settings.pair.maxTokens,
        sampling: settings.pair.sampling,
        dial: settings.pair.dial,
        options: decodingOptions(settings.pair),
        randomChunk: settings.randomChunk,
        ...given({ onTokens }),
      }),
      concurrency: settings.concurrency,
      clock,
      signal,
      ...given({ journal, onRow }),
    });
    const summary = summarize(plan, rows, run);
    await journal?.finish(rows, summary, { apart: settings.apart === true });
    return { summary, rows };
  } finally {
    await journal?.close();
  }
}

/** Describes the settings that a result depends on. Concurrency and the output folder are not among them. */
export async function describeSettings(
  settings: Omit<EvaluationSettings, "concurrency">,
): Promise<Record<string, unknown>> {
  const { pair, task, arms, problems, samples, seed, randomChunk } = settings;
  const digests = async (spec: string | undefined): Promise<unknown> =>
    spec === undefined ? undefined : { spec, digest: await modelFileDigest(spec) };
  return {
    task: { name: task.name, version: task.version },
    problems,
    samples,
    seed,
    arms: arms.map(({ name }) => name),
    small: await digests(pair.small),
    big: arms.some((arm) => needsBig(arm, pair)) ? await digests(pair.big) : undefined,
    smallBase: arms.some(needsBase) ? await digests(pair.smallBase) : undefined,
    template: pair.template,
    bigTemplate: pair.bigTemplate,
    openThinking: pair.openThinking,
    dial: pair.dial,
    options: decodingOptions(pair),
    sampling: pair.sampling,
    maxTokens: pair.maxTokens,
    policies: policiesOf(arms, pair),
    randomChunk: arms.some(({ policy }) => policy.kind !== "policy") ? randomChunk : undefined,
  };
}

function pricedModels({ pair, arms }: EvaluationSettings): PricedModels {
  return {
    small: pair.small,
    ...(arms.some((arm) => needsBig(arm, pair)) ? { big: pair.big } : {}),
    ...(pair.smallBase === undefined ? {} : { smallBase: pair.smallBase }),
  };
}

/** Sizes of the models. A size given for the small model holds before tuning too: tuning changes no shape. */
function modelSizes(settings: EvaluationSettings): NonNullable<EvaluationSummary["modelSizes"]> {
  const { pair, arms, sizes = {} } = settings;
  const small = sizes.small ?? sizeFromFile(pair.small);
  const big = arms.some((arm) => needsBig(arm, pair)) ? (sizes.big ?? sizeFromFile(pair.big)) : undefined;
  const smallBase =
    pair.smallBase !== undefined && arms.some(needsBase)
      ? (sizes.small ?? sizeFromFile(pair.smallBase))
      : undefined;
  return {
    ...given({ small, big, smallBase }),
  };
}

interface OpenModels extends AsyncDisposable {
  readonly tuned: Pair;
  readonly base?: Pair;
}

async function openModels(
  settings: EvaluationSettings,
  problems: readonly TaskProblem[],
  signal: AbortSignal,
): Promise<OpenModels> {
  const { pair, task, arms, concurrency, threads, context } = settings;
  const options = {
    sequences: concurrency,
    ...given({ threads }),
    ...contextOptions(context, contextNeed(pair, longestPromptBytes(task, problems))),
  };
  const tuned = await Pair.open(
    pair,
    { ...options, ...(arms.some((arm) => needsBig(arm, pair)) ? {} : { without: "big" }) },
    signal,
  );
  let base: Pair | undefined;
  try {
    for (const { policy, checkpoint } of arms) {
      if (checkpoint === "tuned") requireFit(tuned, policyOf(policy, pair, 0, 1), pair.tags);
    }
    if (pair.smallBase !== undefined && arms.some(needsBase)) {
      base = await Pair.open({ ...pair, small: pair.smallBase }, { ...options, without: "big" }, signal);
    }
  } catch (error) {
    await tuned.close();
    throw error;
  }
  return {
    tuned,
    ...(base === undefined ? {} : { base }),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([tuned.close(), base?.close()]);
    },
  };
}

const needsBase = ({ checkpoint }: Arm): boolean => checkpoint === "base";

const needsBig = ({ policy }: Arm, pair: PairConfig): boolean =>
  policyOf(policy, pair, 0, 1).uses !== "small";

/** The pair's options for the policies of these arms. An arm's own options are in its name. */
function policiesOf(arms: readonly Arm[], pair: PairConfig): Record<string, unknown> | undefined {
  const named = arms.flatMap(({ name, policy }) =>
    policy.kind === "policy" && policyOptionNames(policy.name).length > 0
      ? [[name, pairPolicyOptions(pair, policy.name)] as const]
      : [],
  );
  return named.length === 0 ? undefined : Object.fromEntries(named);
}
