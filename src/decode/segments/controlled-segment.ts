/** The big model writes a segment that the small one asked for: the small one reads along and decides where it ends. */
import { controlPiece } from "../../core/piece.ts";
import type { BigModel, Loss } from "../contexts/big-model.ts";
import type { BigChunk, BigEnd } from "../contexts/big-reader.ts";
import { type Cap, KeptTokens, capOf, noteHandoff, openReader } from "./big-segment-parts.ts";
import { chunkSize, patienceMs } from "./chunks.ts";
import { ControllingPrefill } from "./controlling-prefill.ts";
import { type SegmentEndReason, type TagOrigin, segmentToken } from "../events/events.ts";
import { createExchange } from "../contexts/exchange.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { BigPlan } from "../policies/policy.ts";
import type { SegmentOutcome, SegmentRun, Session } from "../session/session.ts";

/** The big model was admitted and prepared when the open tag came. */
export async function writeControlled(
  session: Session,
  big: BigModel,
  small: ModelContext,
  plan: BigPlan,
): SegmentRun {
  const { transcript, settings } = session;
  const cap = capOf(session, plan);
  await session.emit(transcript.start("big", plan.reason));
  const reader = openReader(session, big, cap.tokens);
  const close = { tag: settings.options.tags.close, rule: session.closeRule };
  const toSmall = createExchange(big.context.engine, small.engine);
  const control = new ControllingPrefill(small, toSmall, close, session.ledger);
  const kept = new KeptTokens(big, reader.startPosition);
  const sizes = sizesFor(session, small);
  let remainder: string | undefined;
  let outcome: SegmentOutcome | undefined;
  try {
    let filling: Promise<BigChunk> | undefined = reader.fill(chunkSize(sizes, 0));
    if (mayHurry(session, small)) reader.hurry(patienceMs(session.confirmMs));
    for (let index = 1; filling !== undefined; index++) {
      const chunk: BigChunk = await filling;
      session.signal.throwIfAborted();
      noteHandoff(session, reader);
      // The big model goes on while the small one reads: what it writes beyond the cut is thrown away, and counted.
      filling = chunk.end === undefined ? reader.fill(chunkSize(sizes, index)) : undefined;
      const startMs = session.clock.nowMs();
      const confirmed = await control.confirm(chunk.tokens, chunk.end !== undefined);
      session.confirmMs = session.clock.nowMs() - startMs;
      if (mayHurry(session, small)) reader.hurry(patienceMs(session.confirmMs));
      session.signal.throwIfAborted();
      kept.push(confirmed.tokens);
      remainder = confirmed.remainder;
      if (confirmed.tokens.length > 0)
        await session.emit(transcript.delta(confirmed.tokens.map(segmentToken)));
      if (confirmed.status === "cut") {
        const { logprob } = confirmed;
        outcome = await closeSegment(session, small, "close-prediction", { by: "predicted", logprob });
        return outcome;
      }
      if (confirmed.status === "context-full") {
        await session.emit(transcript.end("context-full"));
        return { end: "context-full", finish: "context-full" };
      }
      if (chunk.end !== undefined) {
        outcome = await endUncut(session, { big, small, plan, cap, end: chunk.end });
        return outcome;
      }
    }
    throw new TypeError("a segment cannot end without an end");
  } finally {
    big.handBack(reader, kept.part(remainder));
  }
}

/** An engine that only tells about the end of a chunk gets short chunks. */
function sizesFor({ settings }: Session, small: ModelContext): readonly number[] {
  const { chunks } = settings.options;
  if (small.engine.capabilities.scores === "every-position") return chunks;
  return [Math.min(PROBE_CHUNK, ...chunks)];
}

const PROBE_CHUNK = 8;

/** Where the cut does not depend on chunks. */
function mayHurry({ settings }: Session, small: ModelContext): boolean {
  return settings.options.eagerChunks && small.engine.capabilities.scores === "every-position";
}

/** The segment ran to its end without the small model taking the pen back. */
async function endUncut(
  session: Session,
  {
    big,
    small,
    plan,
    cap,
    end,
  }: {
    readonly big: BigModel;
    readonly small: ModelContext;
    readonly plan: BigPlan;
    readonly cap: Cap;
    readonly end: BigEnd;
  },
): SegmentRun {
  const { transcript } = session;
  if (end.type === "failed") {
    return await closeSegment(session, small, "degraded", { by: "forced", loss: big.fail(end.error) });
  }
  switch (end.reason) {
    case "limit":
      if (cap.reason !== "length") return await closeSegment(session, small, cap.reason, { by: "forced" });
      await session.emit(transcript.end("length"));
      return { end: "length", finish: "length" };
    case "end-of-turn":
      if (plan.onEndOfTurn === "return") {
        return await closeSegment(session, small, "end-of-turn", { by: "forced" });
      }
      await session.emit(transcript.end("end-of-turn"));
      return { end: "end-of-turn", finish: "end-of-turn" };
    case "context-full":
      return await closeSegment(session, small, "degraded", { by: "forced", loss: big.runFull() });
    case "stop": {
      const loss = big.fail(new Error(`it stopped at ${end.marker ?? "a marker"}, which was not asked for`));
      return await closeSegment(session, small, "degraded", { by: "forced", loss });
    }
    default:
      return end.reason satisfies never;
  }
}

/** The pen goes back: the small model reads the close tag, as its own decision or as ours. */
export async function closeSegment(
  session: Session,
  small: ModelContext,
  reason: SegmentEndReason,
  how: { readonly by: TagOrigin; readonly logprob?: number | undefined; readonly loss?: Loss },
): SegmentRun {
  const { transcript, settings, tagTokens } = session;
  const { close } = settings.options.tags;
  const { by, logprob } = how;
  small.write(
    [controlPiece(close)],
    tagTokens.close,
    by === "predicted"
      ? { author: "policy", text: close, mask: 1, ...(logprob === undefined ? {} : { logprob }) }
      : { author: "template", text: close, mask: 0 },
  );
  transcript.tagTokens += tagTokens.close;
  await session.emit(transcript.end(reason));
  if (how.loss !== undefined) await session.emit({ type: "degraded", ...how.loss });
  await session.emit(transcript.tag("close", by, { logprob }));
  return { end: reason };
}
