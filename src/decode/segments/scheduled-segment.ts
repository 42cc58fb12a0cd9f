/** The big model writes a segment that a policy scheduled: nobody reads along, its tokens count as they come. */
import { EngineError } from "../../core/errors.ts";
import type { BigModel, Loss } from "../contexts/big-model.ts";
import type { BigEnd } from "../contexts/big-reader.ts";
import {
  BOUNDARY_END,
  BoundaryLimit,
  KeptTokens,
  noteHandoff,
  openReader,
  segmentLimit,
  type SegmentLimit,
} from "./big-segment-parts.ts";
import { type SegmentEndReason, type SegmentReason, segmentToken } from "../events/events.ts";
import { type Exchange, createExchange } from "../contexts/exchange.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { BigPlan } from "../policies/policy.ts";
import { prepareBig, type SegmentRun, type Session } from "../session/session.ts";
import { bigSegmentEnd, closeSegment, endSegment, finishWith } from "./segment-ends.ts";
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
  const limit = segmentLimit(session, plan);
  await session.emit(transcript.start("big", plan.reason));
  const reader = openReader(session, big, plan, limit.tokens);
  const kept = new KeptTokens(big, reader.startPosition);
  const boundary = new BoundaryLimit(limit);
  const toSmall = small === undefined ? undefined : createExchange(big.context.engine, small.engine);
  const endWith = async (end: ScheduledEnd): SegmentRun => {
    if (small !== undefined && toSmall !== undefined) {
      small.write(toSmall.flush(), 0, { author: "big", mask: 0 });
    }
    return await endScheduled(session, big, { plan, limit, end });
  };
  try {
    for (;;) {
      const chunk = await reader.fill(1);
      session.signal.throwIfAborted();
      noteHandoff(session, reader);
      for (const token of chunk.tokens) {
        const verdict = plan.until?.(token, transcript.segmentText);
        if (verdict === "before") return await endWith("until");
        if (boundary.endsBefore(token)) return await endWith(BOUNDARY_END);
        kept.push([token]);
        if (small !== undefined && toSmall !== undefined) tellSmall(small, toSmall, token);
        await session.emit(transcript.delta([segmentToken(token)]));
        if (verdict === "after") return await endWith("until");
      }
      if (chunk.end !== undefined) return await endWith(chunk.end);
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

type ScheduledEnd = BigEnd | typeof BOUNDARY_END | "until";

interface ScheduledRefusal {
  readonly reason: SegmentReason;
  readonly loss?: Loss;
}

async function refuse(session: Session, big: BigModel): Promise<ScheduledRefusal | undefined> {
  if (big.lost) return { reason: "degraded" };
  if (session.gate.refuseScheduled(session.transcript) !== undefined) return { reason: "budget" };
  const loss = await prepareBig(session, big);
  return loss === undefined ? undefined : { reason: "degraded", loss };
}

async function endScheduled(
  session: Session,
  big: BigModel,
  { plan, limit, end }: { readonly plan: BigPlan; readonly limit: SegmentLimit; readonly end: ScheduledEnd },
): SegmentRun {
  const { small } = session;
  if (end === "until") return await giveBack(session, plan, "scheduled", undefined);
  // Without a partner a full context is the end, and no loss.
  if (small === undefined && end.type === "end" && end.reason === "context-full") {
    return await finishWith(session, "context-full");
  }
  const { end: reason, finish, loss } = bigSegmentEnd(big, plan, limit, end);
  if (finish !== undefined) return await finishWith(session, finish);
  if (small === undefined && loss !== undefined) throw lostAlone(loss);
  return await giveBack(session, plan, reason, loss);
}

/** The small model writes on, or whatever the policy says. */
async function giveBack(
  session: Session,
  plan: BigPlan,
  end: SegmentEndReason,
  loss: Loss | undefined,
): SegmentRun {
  const { small } = session;
  if (plan.close === "forced" && small !== undefined) {
    return await closeSegment(session, small, end, { by: "forced", loss });
  }
  const outcome = await endSegment(session, end);
  if (loss !== undefined) await session.emit({ type: "degraded", ...loss });
  return outcome;
}

function lostAlone(loss: Loss | undefined): EngineError {
  return new EngineError(`${loss?.message ?? "the big model is away"}; no other model takes part.`, {
    code: loss?.code ?? "engine-unavailable",
  });
}
