/** The big model writes a segment that a policy scheduled: nobody reads along, its tokens count as they come. */
import { EngineError } from "../../core/errors.ts";
import type { BigModel, Loss } from "../contexts/big-model.ts";
import type { BigEnd } from "../contexts/big-reader.ts";
import { type Cap, KeptTokens, capOf, noteHandoff, openReader } from "./big-segment-parts.ts";
import { closeSegment } from "./controlled-segment.ts";
import { type SegmentEndReason, type SegmentReason, segmentToken } from "../events/events.ts";
import { type Exchange, createExchange } from "../contexts/exchange.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { BigPlan } from "../policies/policy.ts";
import type { SegmentRun, Session } from "../session/session.ts";
import { writeSmall } from "./small-segment.ts";

/**
 * When the dial or the big model refuses, the small model writes as much instead. What the small model asked for with a tag was granted
 * when the tag came.
 */
export async function writeScheduled(session: Session, big: BigModel, plan: BigPlan): SegmentRun {
  const { small, transcript } = session;
  if (plan.reason !== "open-tag") {
    session.handoffFromMs = session.clock.nowMs();
    const refusal = await refuse(session, big);
    if (refusal !== undefined) {
      if (small === undefined) throw lostAlone(refusal.loss);
      return await writeSmall(session, small, {
        author: "small",
        reason: refusal.reason,
        tags: "banned",
        ...(plan.maxTokens === undefined ? {} : { maxTokens: plan.maxTokens }),
        ...(plan.until === undefined ? {} : { until: plan.until }),
      });
    }
    session.gate.countSegment();
  }
  const cap = capOf(session, plan);
  await session.emit(transcript.start("big", plan.reason));
  const reader = openReader(session, big, cap.tokens);
  const kept = new KeptTokens(big, reader.startPosition);
  const toSmall = small === undefined ? undefined : createExchange(big.context.engine, small.engine);
  const finishWith = async (end: BigEnd | "until"): SegmentRun => {
    if (small !== undefined && toSmall !== undefined) {
      small.write(toSmall.flush(), 0, { author: "big", mask: 0 });
    }
    return await endScheduled(session, big, { plan, cap, end });
  };
  try {
    for (;;) {
      const chunk = await reader.fill(1);
      session.signal.throwIfAborted();
      noteHandoff(session, reader);
      for (const token of chunk.tokens) {
        const verdict = plan.until?.(token, transcript.segmentText);
        if (verdict === "before") return await finishWith("until");
        kept.push([token]);
        if (small !== undefined && toSmall !== undefined) tellSmall(small, toSmall, token);
        await session.emit(transcript.delta([segmentToken(token)]));
        if (verdict === "after") return await finishWith("until");
      }
      if (chunk.end !== undefined) return await finishWith(chunk.end);
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

async function endScheduled(
  session: Session,
  big: BigModel,
  { plan, cap, end }: { readonly plan: BigPlan; readonly cap: Cap; readonly end: BigEnd | "until" },
): SegmentRun {
  const { small } = session;
  const handBack = (reason: SegmentEndReason, loss?: Loss): SegmentRun =>
    giveBack(session, plan, reason, loss);
  const lose = (loss: Loss): SegmentRun => {
    if (small === undefined) throw lostAlone(loss);
    return handBack("degraded", loss);
  };
  if (end === "until") return await handBack("scheduled");
  if (end.type === "failed") return await lose(big.fail(end.error));
  switch (end.reason) {
    case "limit":
      return cap.reason === "length" ? await finish(session, "length") : await handBack(cap.reason);
    case "end-of-turn":
      if (plan.onEndOfTurn === "return") return await handBack("end-of-turn");
      return await finish(session, "end-of-turn");
    case "context-full":
      return small === undefined ? await finish(session, "context-full") : await lose(big.runFull());
    case "stop":
      return await lose(
        big.fail(new Error(`it stopped at ${end.marker ?? "a marker"}, which was not asked for`)),
      );
    default:
      return end.reason satisfies never;
  }
}

/** The small model writes on, or whatever the policy says. */
async function giveBack(
  session: Session,
  plan: BigPlan,
  end: SegmentEndReason,
  loss: Loss | undefined,
): SegmentRun {
  const { transcript, small } = session;
  if (plan.close === "forced" && small !== undefined) {
    return await closeSegment(session, small, end, {
      by: "forced",
      ...(loss === undefined ? {} : { loss }),
    });
  }
  await session.emit(transcript.end(end));
  if (loss !== undefined) await session.emit({ type: "degraded", ...loss });
  return { end };
}

async function finish(session: Session, reason: "length" | "context-full" | "end-of-turn"): SegmentRun {
  await session.emit(session.transcript.end(reason));
  return { end: reason, finish: reason };
}

function lostAlone(loss: Loss | undefined): EngineError {
  return new EngineError(`${loss?.message ?? "the big model is away"}; no other model takes part.`, {
    code: loss?.code ?? "engine-unavailable",
  });
}
