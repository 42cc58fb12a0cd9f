/**
 * SplitDecoder: two models write one text (Paper 3.1). The small one writes, asks for the big one with an open tag, reads along while
 * that one writes, and takes the pen back where it predicts the close tag. A policy decides who writes next; this file keeps the
 * loop and the life of a request, the segments are in `small-segment`, `controlled-segment` and `scheduled-segment`.
 */
import { type Clock, systemClock } from "../core/clock.ts";
import { EngineError, SplitReasonError, errorMessage } from "../core/errors.ts";
import { controlPiece } from "../core/piece.ts";
import { createRng } from "../core/rng.ts";
import type { Engine } from "../engines/engine.ts";
import { BigModel } from "./big-model.ts";
import { createCloseRule } from "./close-rule.ts";
import { writeControlled } from "./controlled-segment.ts";
import { Gate, dialSchema } from "./dial.ts";
import type { EngineWork, FinishEvent, FinishReason, SplitEvent, Usage } from "./events.ts";
import { createExchange } from "./exchange.ts";
import { LedgerBuilder } from "./ledger.ts";
import { ModelContext } from "./model-context.ts";
import { type ModelPair, requireFit } from "./pair-fit.ts";
import type { PolicyRun, SegmentPlan } from "./policy.ts";
import { type CheckedRequest, type SplitRequest, checkRequest } from "./request.ts";
import { writeScheduled } from "./scheduled-segment.ts";
import type { SegmentRun, Session } from "./session.ts";
import { writeSmall } from "./small-segment.ts";
import { StopScanner } from "./stop-scanner.ts";
import { Transcript } from "./transcript.ts";
import { linkController } from "./waiting.ts";

export class SplitDecoder {
  readonly #pair: ModelPair;
  readonly #clock: Clock;

  constructor(pair: ModelPair, options: { readonly clock?: Clock } = {}) {
    this.#pair = pair;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Decodes one request: a stream to be consumed once, which ends with a `finish` event. Any number may run at the same time.
   *
   * Deltas are final: the small model's tokens come as they are decoded, the big model's when the small one has read them and not
   * taken the pen back before. An abort of the signal ends the stream with `finish` `aborted`; leaving the loop stops both models at
   * once. Either way nothing is left running when the stream has ended.
   *
   * Throws, before the first event, a {@link ConfigError} for a wrong request or pair and an {@link EngineError} (`prompt-too-long`, or
   * whatever opening the models gives). Later failures of the small model are values: `finish` with reason `error`.
   */
  decode(request: SplitRequest): AsyncIterable<SplitEvent> {
    const settings = checkRequest(request);
    requireFit(this.#pair, request.policy, settings.options.tags);
    let iterator: AsyncIterator<SplitEvent, undefined> | undefined;
    return { [Symbol.asyncIterator]: () => (iterator ??= this.#start(request, settings)) };
  }

  #start(request: SplitRequest, settings: CheckedRequest): AsyncIterator<SplitEvent, undefined> {
    const link = linkController(request.signal);
    const stream = this.#run(request, settings, link.controller.signal);
    /** Keeps no listener on the caller's signal once the stream is over. */
    const released = async (step: Promise<IteratorResult<SplitEvent, undefined>>) => {
      let isOver = true;
      try {
        const result = await step;
        isOver = result.done === true;
        return result;
      } finally {
        if (isOver) link.release();
      }
    };
    return {
      next: () => released(stream.next()),
      return: () => {
        // A generator that waits for an engine only hears of `return` at its next yield: the abort wakes it.
        link.controller.abort(new EngineError("the consumer left.", { code: "aborted" }));
        return released(stream.return(undefined));
      },
    };
  }

  async *#run(
    request: SplitRequest,
    settings: CheckedRequest,
    signal: AbortSignal,
  ): AsyncGenerator<SplitEvent, undefined, undefined> {
    const session = this.#openSession(request, settings, signal);
    const { transcript } = session;
    let outcome: { readonly reason: FinishReason; readonly error?: unknown };
    let promptTokens = 0;
    try {
      try {
        promptTokens = await readPrompt(session, request);
        const run = request.policy.start({
          rng: createRng(settings.sampling.seed).fork("policy"),
          maxTokens: settings.limits.maxTokens,
        });
        outcome = { reason: yield* withStops(session, writeAll(session, run)) };
      } catch (error) {
        if (!signal.aborted && transcript.openAuthor === undefined && transcript.segments.length === 0)
          throw error;
        outcome = signal.aborted ? { reason: "aborted" } : { reason: "error", error };
        if (transcript.openAuthor !== undefined)
          yield transcript.end(outcome.reason === "error" ? "error" : "aborted");
      }
      if (session.ledger !== undefined && !signal.aborted && outcome.reason !== "error") {
        // The last tag may not have been read yet; the ledger wants its ids.
        await session.small?.sync();
      }
      await closeSession(session);
      yield finishEvent(session, promptTokens, outcome);
    } finally {
      await closeSession(session);
    }
  }

  #openSession(request: SplitRequest, settings: CheckedRequest, signal: AbortSignal): Session {
    const { policy } = request;
    const { options, sampling } = settings;
    const usesSmall = policy.uses !== "big";
    const ledger = request.ledger === true ? new LedgerBuilder() : undefined;
    const rng = createRng(sampling.seed);
    const streaming = (engine: Engine): { prefillChunk?: number } =>
      options.streamingPrefill && engine.capabilities.prefill ? { prefillChunk: options.prefillChunk } : {};
    const small = usesSmall
      ? new ModelContext(this.#pair.small, {
          ...streaming(this.#pair.small),
          ...(ledger === undefined ? {} : { ledger }),
          signal,
        })
      : undefined;
    const bigEngine = policy.uses === "small" ? undefined : this.#pair.big;
    const big =
      bigEngine === undefined
        ? undefined
        : new BigModel(
            new ModelContext(bigEngine, {
              ...streaming(bigEngine),
              ...(usesSmall || ledger === undefined ? {} : { ledger }),
              replaceable: options.bigRetries > 0,
              timeoutMs: options.bigTimeoutMs,
              signal,
            }),
            createExchange(this.#pair.small, bigEngine),
            options.bigRetries,
          );
    return {
      settings,
      logprobs: request.logprobs === true || ledger !== undefined,
      signal,
      clock: this.#clock,
      small,
      big,
      transcript: new Transcript(this.#clock, settings.limits.maxTokens),
      gate: new Gate(usesSmall ? settings.dial : dialSchema.parse({}), rng.fork("dial")),
      closeRule: createCloseRule(sampling.temperature, rng.fork("close")),
      ledger,
      tagTokens: { open: 0, close: 0 },
      handoffFromMs: undefined,
    };
  }
}

/** The prompt goes to both; only the small model is waited for. Returns its tokens. */
async function readPrompt(session: Session, request: SplitRequest): Promise<number> {
  const { small, big, settings, tagTokens } = session;
  // Enough for the background reader to start at once.
  const atOnce = settings.options.prefillChunk;
  big?.context.write(request.promptForBig ?? request.prompt, atOnce, { author: "prompt", mask: 0 });
  small?.write(request.prompt, 0, { author: "prompt", mask: 0 });
  const reader = small ?? big?.context;
  if (reader === undefined) return 0;
  const { status, position } = await reader.sync();
  if (status === "context-full") {
    throw new EngineError(
      `${reader.engine.model}: the prompt does not fit into its context of ${reader.engine.capabilities.contextSize} ` +
        `tokens; shorten it or load the model with a longer context.`,
      { code: "prompt-too-long" },
    );
  }
  if (small !== undefined && request.policy.needsTags) {
    const { open, close } = settings.options.tags;
    tagTokens.open = await small.engine.countTokens([controlPiece(open)]);
    tagTokens.close = await small.engine.countTokens([controlPiece(close)]);
  }
  return position;
}

/** Asks the policy and carries its plans out until the text ends. */
async function* writeAll(
  session: Session,
  run: PolicyRun,
): AsyncGenerator<SplitEvent, FinishReason, undefined> {
  for (;;) {
    session.signal.throwIfAborted();
    if (session.transcript.remaining <= 0) return "length";
    const outcome = yield* carryOut(session, run.next(session.transcript));
    if (outcome.finish !== undefined) return outcome.finish;
  }
}

function carryOut(session: Session, plan: SegmentPlan): SegmentRun {
  const { small, big } = session;
  const missing = (author: string): never => {
    throw new TypeError(`a policy planned a segment of the ${author} model, which it said it does not use`);
  };
  switch (plan.author) {
    case "small":
      return writeSmall(session, small ?? missing("small"), plan);
    case "big":
      return plan.close === "predicted"
        ? writeControlled(session, big ?? missing("big"), small ?? missing("small"), plan)
        : writeScheduled(session, big ?? missing("big"), plan);
    default:
      return plan satisfies never;
  }
}

/** Passes the events on, and ends the text at the first stop text. */
async function* withStops(
  session: Session,
  events: AsyncGenerator<SplitEvent, FinishReason, undefined>,
): AsyncGenerator<SplitEvent, FinishReason, undefined> {
  if (session.settings.stop.length === 0) return yield* events;
  const scanner = new StopScanner(session.settings.stop);
  try {
    for (;;) {
      let step: IteratorResult<SplitEvent, FinishReason>;
      try {
        step = await events.next();
      } catch (error) {
        // What was held back has been written all the same.
        yield* scanner.flush();
        throw error;
      }
      if (step.done === true) {
        yield* scanner.flush();
        return step.value;
      }
      const scan = scanner.push(step.value);
      if (scan.stopped !== undefined) {
        const { small, big } = scan.stopped.dropped;
        session.transcript.takeBack({ small, big });
        session.small?.countDiscarded(small);
        session.big?.context.countDiscarded(big);
        yield* scan.events;
        return "stop";
      }
      yield* scan.events;
    }
  } finally {
    await events.return("aborted");
  }
}

async function closeSession({ small, big }: Session): Promise<void> {
  await Promise.all([small?.close(), big?.context.close()]);
}

const NO_WORK: EngineWork = { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 };

function finishEvent(
  session: Session,
  promptTokens: number,
  outcome: { readonly reason: FinishReason; readonly error?: unknown },
): FinishEvent {
  const { transcript, ledger } = session;
  const { smallTokens, bigTokens, tagTokens, switches } = transcript;
  const work = { small: session.small?.work ?? NO_WORK, big: session.big?.context.work ?? NO_WORK };
  const written = smallTokens + bigTokens;
  const usage: Usage = {
    promptTokens,
    smallTokens,
    bigTokens,
    tagTokens,
    discardedTokens: work.small.discarded + work.big.discarded,
    switches,
    offloadShare: written === 0 ? 0 : bigTokens / written,
    work,
  };
  return {
    type: "finish",
    reason: outcome.reason,
    usage,
    timing: transcript.timing(),
    ...(outcome.error === undefined ? {} : { message: errorMessage(outcome.error) }),
    ...(outcome.error instanceof SplitReasonError ? { code: outcome.error.code } : {}),
    ...(ledger === undefined ? {} : { ledger: ledger.build() }),
  };
}
