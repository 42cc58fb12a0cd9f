/**
 * Makes rollouts with the decoder that serves: a group of attempts at each problem, in which the big model really writes its spans. As many
 * as possible are in flight at once. A rollout that fails is recorded as failed; the others continue.
 */
import { setMaxListeners } from "node:events";

import { errorMessage } from "../../core/errors.ts";
import { given } from "../../core/given.ts";
import { hash32 } from "../../core/rng.ts";
import {
  collect,
  type DialInput,
  type FinishReason,
  type Policy,
  type SplitDecoder,
  type SplitOptionsInput,
  type SplitResult,
} from "../../decode/index.ts";
import type { Ledger } from "../../decode/events/ledger.ts";
import type { PairPrompt } from "../../decode/pair/pair.ts";
import type { RolloutFacts } from "./rewards/reward.ts";
import { type TagIds, type Trajectory, trajectoryFrom } from "./trajectory.ts";

export interface RolloutProblem {
  /** Unique name of the problem, in records and as a part of its rollouts' seeds. */
  readonly id: string;
  readonly prompt: PairPrompt;
  /** The part of the output that the prompt has opened already, e.g. `<think>\n`. Rewards see it. */
  readonly opening: string;
  /** Whether the text answers the problem rightly, given how it ended. */
  readonly grade: (text: string, finish: FinishReason) => boolean;
}

export interface RolloutOptions {
  /** Decoders with engines of their own, which share the rollouts. A rollout does not depend on which decoder makes it. */
  readonly decoders: readonly SplitDecoder[];
  readonly policy: Policy;
  readonly ids: TagIds;
  /** G: rollouts of each problem. */
  readonly groupSize: number;
  readonly maxTokens: number;
  /** Sampling temperature. Default: 1, the temperature of the ledger's log-probabilities. */
  readonly temperature?: number;
  readonly dial?: DialInput;
  readonly seed: number;
  /** Rollouts in flight. */
  readonly concurrency: number;
  readonly signal?: AbortSignal;
  /** How the models decode together: the tags, and how long the big one is waited for. */
  readonly options?: SplitOptionsInput;
  /** Called with the number of tokens that any rollout has just written. */
  readonly onTokens?: (count: number) => void;
  /** Chooses what of a ledger is trained. Default: {@link trajectoryFrom}; experiments replace it. */
  readonly toTrajectory?: typeof trajectoryFrom;
}

export interface Rollout {
  readonly problemId: string;
  readonly member: number;
  readonly seed: number;
  readonly result: SplitResult;
  readonly facts: RolloutFacts;
  readonly trajectory: Trajectory;
}

interface FailedRollout {
  readonly problemId: string;
  readonly member: number;
  readonly seed: number;
  readonly error: string;
}

/** The rollouts of one problem, in order. Groups are in the order of the problems. */
export interface RolloutGroup {
  readonly problemId: string;
  readonly rollouts: readonly Rollout[];
  readonly failed: readonly FailedRollout[];
}

/** Seed of one rollout. It depends on nothing but these arguments. */
const rolloutSeed = (seed: number, problemId: string, member: number): number =>
  hash32(`rollout ${problemId} ${member}`, seed);

/** Makes all groups. Rejects when the signal aborts, because a half-done step is not trained on. */
export async function rollOut(
  problems: readonly RolloutProblem[],
  options: RolloutOptions,
): Promise<RolloutGroup[]> {
  const jobs = problems.flatMap((problem) =>
    Array.from({ length: options.groupSize }, (_, member) => ({ problem, member })),
  );
  const outcomes: (Rollout | FailedRollout | undefined)[] = jobs.map(() => undefined);
  // Each rollout in flight adds a listener; that is no leak.
  if (options.signal !== undefined) setMaxListeners(0, options.signal);
  let next = 0;
  const work = async (decoder: SplitDecoder): Promise<void> => {
    for (let index = next++; index < jobs.length; index = next++) {
      options.signal?.throwIfAborted();
      const job = jobs[index];
      if (job !== undefined) outcomes[index] = await attempt(job.problem, job.member, decoder, options);
    }
  };
  const { decoders, concurrency } = options;
  await Promise.all(
    Array.from({ length: Math.min(concurrency, jobs.length) }, async (_, worker) => {
      const decoder = decoders[worker % decoders.length];
      if (decoder === undefined) throw new TypeError("rollouts need a decoder");
      await work(decoder);
    }),
  );
  options.signal?.throwIfAborted();
  return problems.map(({ id }, index) => {
    const group = outcomes.slice(index * options.groupSize, (index + 1) * options.groupSize);
    return {
      problemId: id,
      rollouts: group.filter((outcome) => outcome !== undefined && "trajectory" in outcome),
      failed: group.filter((outcome) => outcome !== undefined && "error" in outcome),
    };
  });
}

async function attempt(
  problem: RolloutProblem,
  member: number,
  decoder: SplitDecoder,
  options: RolloutOptions,
): Promise<Rollout | FailedRollout> {
  const seed = rolloutSeed(options.seed, problem.id, member);
  const about = { problemId: problem.id, member, seed };
  try {
    const result = await collect(
      decoder.decode({
        ...problem.prompt,
        policy: options.policy,
        limits: { maxTokens: options.maxTokens },
        sampling: { temperature: options.temperature ?? 1, seed },
        ledger: true,
        ...given({ dial: options.dial, options: options.options, signal: options.signal }),
      }),
      // Rewards and readers see the canonical tags, whichever the model has.
      undefined,
      options.onTokens,
    );
    if (result.ledger === undefined || result.finishReason === "error" || result.finishReason === "aborted") {
      return { ...about, error: result.message ?? `the rollout ended with ${result.finishReason}` };
    }
    // A small model that did not get the help it asked for says nothing about the worth of asking.
    const [lost] = result.degraded;
    if (lost !== undefined) return { ...about, error: lost };
    return {
      ...about,
      result,
      facts: factsOf(result, result.ledger, problem, options.ids),
      trajectory: (options.toTrajectory ?? trajectoryFrom)(result.ledger, options.ids),
    };
  } catch (error) {
    return { ...about, error: errorMessage(error) };
  }
}

function factsOf(result: SplitResult, ledger: Ledger, problem: RolloutProblem, ids: TagIds): RolloutFacts {
  const { smallTokens, bigTokens, discardedTokens } = result.usage;
  return {
    correct: problem.grade(result.text, result.finishReason),
    taggedText: problem.opening + result.taggedText,
    finish: result.finishReason,
    smallTokens,
    bigTokens,
    opens: ledger.tokens.filter(({ id, author }) => id === ids.open && author === "policy").length,
    discardedTokens,
  };
}
