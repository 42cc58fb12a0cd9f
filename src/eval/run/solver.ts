/** Solves samples with a pair of models, through the same decoder that serves chats. */
import { ConfigError } from "../../core/errors.ts";
import {
  type DialInput,
  collect,
  type Policy,
  random,
  SplitDecoder,
  type SplitEvent,
  type SplitOptionsInput,
} from "../../decode/index.ts";
import type { Pair } from "../../decode/pair/pair.ts";
import { type PairConfig, pairPolicy } from "../../decode/pair/pair-config.ts";
import type { ArmPolicy } from "../arms/arms.ts";
import type { SampleOutcome, SampleRequest, SolveSample } from "./runner.ts";
import { taskPrompt } from "../tasks/prompt.ts";
import type { Task } from "../tasks/task.ts";

export interface SolverOptions {
  readonly task: Task;
  /** The tuned small model with the big one. */
  readonly tuned: Pair;
  /** The small model before tuning, alone; needed by arms on the checkpoint `base`. */
  readonly base?: Pair;
  readonly maxTokens: number;
  readonly sampling: { readonly temperature: number; readonly topP?: number | undefined };
  readonly dial: DialInput;
  readonly options: SplitOptionsInput;
  /** Tokens in a row by one author in random arms. */
  readonly randomChunk: number;
  /** Called with the number of tokens that any sample has just written. */
  readonly onTokens?: (count: number) => void;
  /** Sees every event of the decoder, as it comes. */
  readonly onEvent?: (event: SplitEvent) => void;
}

/** Rejects on what every sample would fail of (ConfigError); any other failure is in the outcome. */
export function createSolver(solver: SolverOptions): SolveSample {
  const decoders = { tuned: new SplitDecoder(solver.tuned) };
  const baseDecoder = solver.base === undefined ? undefined : new SplitDecoder(solver.base);
  return async (request, signal) => {
    const onBase = request.arm.checkpoint === "base";
    const pair = onBase ? solver.base : solver.tuned;
    const decoder = onBase ? baseDecoder : decoders.tuned;
    if (pair === undefined || decoder === undefined) {
      throw new ConfigError(
        `arm ${request.arm.name} needs the small model before tuning: give --small-base SPEC, name it as "smallBase" in the pair file, or leave the arm out of --arms.`,
        { code: "config-invalid" },
      );
    }
    const policy = policyOf(request.arm.policy, pair.config, request.share, solver.randomChunk);
    return solveOnce(solver, pair, decoder, policy, request, signal);
  };
}

async function solveOnce(
  { task, maxTokens, sampling: { temperature, topP }, dial, options, onTokens, onEvent }: SolverOptions,
  pair: Pair,
  decoder: SplitDecoder,
  policy: Policy,
  { problem, seed }: SampleRequest,
  signal: AbortSignal,
): Promise<SampleOutcome> {
  const events = decoder.decode({
    ...taskPrompt(task, problem, (messages) => pair.render(messages), policy, pair.config.tags),
    policy,
    limits: { maxTokens },
    sampling: { temperature, seed, ...(topP === undefined ? {} : { topP }) },
    dial,
    options,
    signal,
  });
  const watching = onEvent === undefined ? events : watched(events, onEvent);
  const result = await collect(watching, undefined, onTokens);
  const { promptTokens, smallTokens, bigTokens, tagTokens, discardedTokens, switches, offloadShare } =
    result.usage;
  const { message, degraded, timing } = result;
  return {
    text: result.text,
    segments: result.segments.map(({ author, text, tokens, reason }) => ({ author, text, tokens, reason })),
    usage: { promptTokens, smallTokens, bigTokens, tagTokens, discardedTokens, switches, offloadShare },
    work: result.usage.work,
    handoffsMs: timing.handoffsMs,
    ...(timing.firstTokenMs === undefined ? {} : { firstTokenMs: timing.firstTokenMs }),
    finishReason: result.finishReason,
    ...(degraded.length === 0 ? {} : { degraded: degraded.join("; ") }),
    ...(result.finishReason === "error" ? { error: message ?? "failed without a message" } : {}),
  };
}

async function* watched(
  events: AsyncIterable<SplitEvent>,
  onEvent: (event: SplitEvent) => void,
): AsyncGenerator<SplitEvent> {
  for await (const event of events) {
    onEvent(event);
    yield event;
  }
}

/** The decoder's policy for an arm of this pair; `share` and `chunk` are for random ones. */
export function policyOf(
  policy: ArmPolicy,
  config: PairConfig,
  share: number | undefined,
  chunk: number,
): Policy {
  return policy.kind === "policy"
    ? pairPolicy(config, policy.name, policy.options)
    : random({ share: share ?? 0, chunk });
}
