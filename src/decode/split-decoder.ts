/**
 * SplitDecoder: two models write one text (Paper 3.1). The small one writes, asks for the big one with an open tag, reads along while
 * that one writes, and takes the pen back where it predicts the close tag. A policy decides who writes next. This file keeps the
 * loop and the life of a request; `segments/` and `steps/` write the segments.
 */
import { linkSignals } from "../core/async.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { createRng } from "../core/rng.ts";
import { writeControlled } from "./segments/controlled-segment.ts";
import { EventChannel } from "./events/event-channel.ts";
import type { FinishReason, SplitEvent } from "./events/events.ts";
import { closeSession, createSession, finishEvent, hasTags, readPrompt } from "./session/session-life.ts";
import type { ModelContext } from "./contexts/model-context.ts";
import { type ModelPair, requireFit } from "./pair/pair-fit.ts";
import type { PolicyRun, SegmentPlan } from "./policies/policy.ts";
import { type CheckedRequest, type SplitRequest, checkRequest } from "./session/request.ts";
import { writeScheduled } from "./segments/scheduled-segment.ts";
import type { SegmentRun, Session } from "./session/session.ts";
import { writeSmall } from "./segments/small-segment.ts";
import { writeDrafted } from "./steps/drafted-segment.ts";
import { writeGlimpsed } from "./steps/glimpsed-segment.ts";
import { StopFound, StopScanner } from "./events/stop-scanner.ts";

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
   * Deltas are final. The small model's tokens come as they are decoded; the big model's come when the small one has read them and has
   * not taken the pen back. An abort of the signal ends the stream with `finish` `aborted`. Leaving the loop stops both models at
   * once. Either way nothing is left running when the stream has ended.
   *
   * Throws, before the first event, a {@link ConfigError} for a wrong request or pair and an {@link EngineError} (`prompt-too-long`, or
   * whatever opening the models gives). Later failures of the small model are values: `finish` with reason `error`.
   */
  decode(request: SplitRequest): AsyncIterable<SplitEvent> {
    const settings = checkRequest(request);
    requireFit(this.#pair, request.policy, settings.options.tags);
    const left = new AbortController();
    const channel = new EventChannel<SplitEvent>(
      (events) => this.#run(request, settings, events, left.signal),
      () => left.abort(),
    );
    return { [Symbol.asyncIterator]: () => channel };
  }

  async #run(
    request: SplitRequest,
    settings: CheckedRequest,
    events: EventChannel<SplitEvent>,
    left: AbortSignal,
  ): Promise<void> {
    const link = linkSignals(request.signal, left);
    const { signal } = link;
    const scanner = settings.stop.length === 0 ? undefined : new StopScanner(settings.stop);
    const emit =
      scanner === undefined ? (event: SplitEvent) => events.emit(event) : scanInto(scanner, events);
    const session = createSession(this.#pair, request, settings, { clock: this.#clock, signal, emit });
    const { transcript } = session;
    try {
      const outcome = await write(session, request);
      // The events that were held back are part of the output.
      for (const event of scanner?.flush() ?? []) await events.emit(event);
      if (outcome.unfinished !== undefined && transcript.openAuthor !== undefined) {
        await events.emit(transcript.end(outcome.unfinished));
      }
      await closeSession(session);
      await events.emit(finishEvent(session, outcome));
    } finally {
      await closeSession(session);
      link.release();
    }
  }
}

/** Passes events on once they cannot be part of a stop text. A stop text ends the writing, however deep in it we are. */
function scanInto(scanner: StopScanner, events: EventChannel<SplitEvent>): Session["emit"] {
  return async (event) => {
    const { events: ready, stopped } = scanner.push(event);
    for (const readyEvent of ready) await events.emit(readyEvent);
    if (stopped !== undefined) throw new StopFound(stopped.dropped);
  };
}

/** Why the writing ended; `unfinished` ends a segment that is still open. */
interface Outcome {
  readonly reason: FinishReason;
  readonly unfinished?: "aborted" | "error";
  readonly error?: unknown;
}

/** Turns what ends the writing from within into values; only what fails before anything was written is thrown. */
async function write(session: Session, request: SplitRequest): Promise<Outcome> {
  const { transcript, settings, signal } = session;
  try {
    await readPrompt(session, request);
    const rng = createRng(settings.sampling.seed).fork("policy");
    const { maxTokens } = settings.limits;
    const run = request.policy.start({ rng, maxTokens, hasTags: hasTags(session) });
    const reason = await writeAll(session, run);
    // The last tag may not have been read yet; the ledger wants its ids.
    if (session.ledger !== undefined) await session.small?.sync();
    return { reason };
  } catch (error) {
    if (error instanceof StopFound) {
      transcript.takeBack(error.dropped);
      session.small?.countDiscarded(error.dropped.small);
      session.big?.context.countDiscarded(error.dropped.big);
      return { reason: "stop" };
    }
    if (signal.aborted) return { reason: "aborted", unfinished: "aborted" };
    if (transcript.openAuthor === undefined && transcript.segments.length === 0) throw error;
    return { reason: "error", unfinished: "error", error };
  }
}

/** Asks the policy and carries its plans out until the text ends. */
async function writeAll(session: Session, run: PolicyRun): Promise<FinishReason> {
  for (;;) {
    session.signal.throwIfAborted();
    if (session.transcript.remaining <= 0) return "length";
    const outcome = await carryOut(session, run.next(session.transcript));
    if (outcome.finish !== undefined) return outcome.finish;
  }
}

function writeBySmall(
  session: Session,
  small: ModelContext,
  plan: Exclude<SegmentPlan, { readonly author: "big" }>,
): SegmentRun {
  switch (plan.how) {
    case undefined:
      return writeSmall(session, small, plan);
    case "glimpse":
      return writeGlimpsed(session, small, plan);
    case "draft":
      return writeDrafted(session, small, plan);
    default:
      return plan satisfies never;
  }
}

function carryOut(session: Session, plan: SegmentPlan): SegmentRun {
  const { small, big } = session;
  const missing = (author: string): never => {
    throw new TypeError(`a policy planned a segment of the ${author} model, which it said it does not use`);
  };
  switch (plan.author) {
    case "small":
      return writeBySmall(session, small ?? missing("small"), plan);
    case "big":
      return plan.close === "predicted"
        ? writeControlled(session, big ?? missing("big"), small ?? missing("small"), plan)
        : writeScheduled(session, big ?? missing("big"), plan);
    default:
      return plan satisfies never;
  }
}
