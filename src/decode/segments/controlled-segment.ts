/** The big model writes a segment that the small one asked for: the small one reads along and decides where it ends. */
import type { BigModel } from "../contexts/big-model.ts";
import type { BigChunk } from "../contexts/big-reader.ts";
import {
  BOUNDARY_END,
  BoundaryLimit,
  KeptTokens,
  noteHandoff,
  openReader,
  segmentLimit,
} from "./big-segment-parts.ts";
import { chunkSize, patienceMs } from "./chunks.ts";
import { ControllingPrefill } from "./controlling-prefill.ts";
import { bigSegmentEnd, closeSegment, finishWith } from "./segment-ends.ts";
import { segmentToken } from "../events/events.ts";
import { createExchange } from "../contexts/exchange.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { BigPlan } from "../policies/policy.ts";
import type { SegmentRun, Session } from "../session/session.ts";

/** The big model was admitted and prepared when the open tag came. */
export async function writeControlled(
  session: Session,
  big: BigModel,
  small: ModelContext,
  plan: BigPlan,
): SegmentRun {
  const { transcript, settings } = session;
  const limit = segmentLimit(session, plan);
  await session.emit(transcript.start("big", plan.reason));
  const reader = openReader(session, big, plan, limit.tokens);
  const close = { tag: settings.options.tags.close, rule: session.closeRule };
  const toSmall = createExchange(big.context.engine, small.engine);
  const control = new ControllingPrefill(small, toSmall, close, session.ledger);
  const kept = new KeptTokens(big, reader.startPosition);
  const boundary = new BoundaryLimit(limit);
  const sizes = sizesFor(session, small);
  let remainder: string | undefined;
  try {
    let filling: Promise<BigChunk> | undefined = reader.fill(chunkSize(sizes, 0));
    if (mayHurry(session, small)) reader.hurry(patienceMs(session.confirmMs));
    for (let index = 1; filling !== undefined; index++) {
      const chunk: BigChunk = await filling;
      const { tokens, ends } = boundary.cut(chunk.tokens);
      const chunkEnd = ends ? BOUNDARY_END : chunk.end;
      session.signal.throwIfAborted();
      noteHandoff(session, reader);
      // The big model continues while the small one reads. What it writes beyond the cut is discarded, and counted.
      filling = chunkEnd === undefined ? reader.fill(chunkSize(sizes, index)) : undefined;
      const startMs = session.clock.nowMs();
      const confirmed = await control.confirm(tokens, chunkEnd !== undefined);
      session.confirmMs = session.clock.nowMs() - startMs;
      if (mayHurry(session, small)) reader.hurry(patienceMs(session.confirmMs));
      session.signal.throwIfAborted();
      kept.push(confirmed.tokens);
      remainder = confirmed.remainder;
      if (confirmed.tokens.length > 0)
        await session.emit(transcript.delta(confirmed.tokens.map(segmentToken)));
      if (confirmed.status === "cut") {
        const { logprob } = confirmed;
        return await closeSegment(session, small, "close-prediction", { by: "predicted", logprob });
      }
      if (confirmed.status === "context-full") {
        return await finishWith(session, "context-full");
      }
      if (chunkEnd !== undefined) {
        const { end, finish, loss } = bigSegmentEnd(big, plan, limit, chunkEnd);
        return finish === undefined
          ? await closeSegment(session, small, end, { by: "forced", loss })
          : await finishWith(session, finish);
      }
    }
    throw new TypeError("a segment cannot end without an end");
  } finally {
    big.handBack(reader, kept.part(remainder));
  }
}

/** An engine that scores only the end of a chunk gets short chunks. */
function sizesFor({ settings }: Session, small: ModelContext): readonly number[] {
  const { chunks } = settings.options;
  if (small.engine.capabilities.scores === "every-position") return chunks;
  return [Math.min(PROBE_CHUNK, ...chunks)];
}

const PROBE_CHUNK = 8;

/** Whether the small model may read part of a chunk: only where the cut does not depend on chunks. */
function mayHurry({ settings }: Session, small: ModelContext): boolean {
  return settings.options.eagerChunks && small.engine.capabilities.scores === "every-position";
}
