/** The big model writes a segment that a policy scheduled: nobody reads along, its tokens count as they come. */
import { EngineError } from "../core/errors.ts";
import type { BigModel, Loss } from "./big-model.ts";
import type { BigEnd } from "./big-reader.ts";
import { type Cap, KeptTokens, capOf, noteHandoff, openReader } from "./big-segment-parts.ts";
import { type SegmentReason, segmentToken } from "./events.ts";
import { type Exchange, createExchange } from "./exchange.ts";
import type { ModelContext } from "./model-context.ts";
import type { BigPlan } from "./policy.ts";
import type { SegmentRun, Session } from "./session.ts";
import { writeSmall } from "./small-segment.ts";

/** When the dial or the big model refuses, the small model writes as many tokens instead. */
export async function writeScheduled(session: Session, big: BigModel, plan: BigPlan): SegmentRun {
  const { small, transcript } = session;
  session.handoffFromMs = session.clock.nowMs();
  const refusal = await refuse(session, big);
  if (refusal !== undefined) {
    if (small === undefined) throw lostAlone(refusal.loss);
    const maxTokens = plan.maxTokens === undefined ? {} : { maxTokens: plan.maxTokens };
    return await writeSmall(session, small, {
      author: "small",
      reason: refusal.reason,
      tags: "banned",
      ...maxTokens,
    });
  }
  session.gate.countSegment();
  const cap = capOf(session, plan);
  await session.emit(transcript.start("big", plan.reason));
  const reader = openReader(session, big, cap.tokens);
  const kept = new KeptTokens(big, reader.startPosition);
  const toSmall = small === undefined ? undefined : createExchange(big.context.engine, small.engine);
  try {
    for (;;) {
      const chunk = await reader.fill(1);
      session.signal.throwIfAborted();
      noteHandoff(session, reader);
      kept.push(chunk.tokens);
      for (const token of chunk.tokens) {
        if (small !== undefined && toSmall !== undefined) tellSmall(small, toSmall, token);
        await session.emit(transcript.delta([segmentToken(token)]));
      }
      if (chunk.end !== undefined) {
        if (small !== undefined && toSmall !== undefined) {
          small.write(toSmall.flush(), 0, { author: "big", mask: 0 });
        }
        return await endScheduled(session, big, cap, chunk.end);
      }
    }
  } finally {
    big.handBack(reader, kept.part());
  }
}

function tellSmall(
  small: ModelContext,
  exchange: Exchange,
  token: { readonly text: string; readonly logprob?: number },
): void {
  const { text, logprob } = token;
  const exact = exchange.shared ? { text, ...(logprob === undefined ? {} : { logprob }) } : {};
  small.write(exchange.push(token), 1, { author: "big", mask: 0, ...exact });
}

interface ScheduledRefusal {
  readonly reason: SegmentReason;
  readonly loss?: Loss;
}

async function refuse(session: Session, big: BigModel): Promise<ScheduledRefusal | undefined> {
  if (big.lost) return { reason: "degraded" };
  if (session.gate.refuseScheduled(session.transcript) !== undefined) return { reason: "budget" };
  const loss = await big.prepare();
  session.signal.throwIfAborted();
  if (loss === undefined) return undefined;
  if (session.small !== undefined) await session.emit({ type: "degraded", ...loss });
  return { reason: "degraded", loss };
}

async function endScheduled(session: Session, big: BigModel, cap: Cap, end: BigEnd): SegmentRun {
  const { transcript, small } = session;
  const lose = async function (loss: Loss): SegmentRun {
    if (small === undefined) throw lostAlone(loss);
    await session.emit(transcript.end("degraded"));
    await session.emit({ type: "degraded", ...loss });
    return { end: "degraded" };
  };
  if (end.type === "failed") return await lose(big.fail(end.error));
  switch (end.reason) {
    case "limit":
      await session.emit(transcript.end(cap.reason));
      return cap.reason === "length" ? { end: "length", finish: "length" } : { end: cap.reason };
    case "end-of-turn":
      await session.emit(transcript.end("end-of-turn"));
      return { end: "end-of-turn", finish: "end-of-turn" };
    case "context-full":
      if (small !== undefined) return await lose(big.runFull());
      await session.emit(transcript.end("context-full"));
      return { end: "context-full", finish: "context-full" };
    case "stop":
      return await lose(
        big.fail(new Error(`it stopped at ${end.marker ?? "a marker"}, which was not asked for`)),
      );
    default:
      return end.reason satisfies never;
  }
}

function lostAlone(loss: Loss | undefined): EngineError {
  return new EngineError(`${loss?.message ?? "the big model is away"}; no other model takes part.`, {
    code: loss?.code ?? "engine-unavailable",
  });
}
