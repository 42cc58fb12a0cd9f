/** How segments end: their last events, the close tag that hands the pen back, and what the big model's own end means. */
import { controlPiece } from "../../core/piece.ts";
import type { BigModel, Loss } from "../contexts/big-model.ts";
import type { BigEnd } from "../contexts/big-reader.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { SegmentEndReason, TagOrigin } from "../events/events.ts";
import type { BigPlan } from "../policies/policy.ts";
import type { SegmentRun, Session } from "../session/session.ts";
import type { BOUNDARY_END, SegmentLimit } from "./big-segment-parts.ts";

type FinishedBy = "length" | "context-full" | "end-of-turn";

/** Ends the segment that is open, if one is. */
export async function endSegment({ transcript, emit }: Session, end: SegmentEndReason): SegmentRun {
  if (transcript.openAuthor !== undefined) await emit(transcript.end(end));
  return { end };
}

/** Ends the segment, and the whole with it. */
export async function finishWith(session: Session, reason: FinishedBy): SegmentRun {
  return { ...(await endSegment(session, reason)), finish: reason };
}

/** Ends the segment and hands the pen back: the small model reads the close tag, as its own decision or as ours. */
export async function closeSegment(
  session: Session,
  small: ModelContext,
  reason: SegmentEndReason,
  how: { readonly by: TagOrigin; readonly logprob?: number | undefined; readonly loss?: Loss | undefined },
): SegmentRun {
  const { transcript, settings, tagTokens } = session;
  const { close } = settings.options.tags;
  const { by, logprob, loss } = how;
  small.write(
    [controlPiece(close)],
    tagTokens.close,
    by === "predicted"
      ? { author: "policy", text: close, mask: 1, ...(logprob === undefined ? {} : { logprob }) }
      : { author: "template", text: close, mask: 0 },
  );
  transcript.tagTokens += tagTokens.close;
  const outcome = await endSegment(session, reason);
  if (loss !== undefined) await session.emit({ type: "degraded", ...loss });
  await session.emit(transcript.tag("close", by, { logprob }));
  return outcome;
}

/** The consequence of a segment that the big model ended by itself: the whole is finished, or the pen goes back. */
interface BigSegmentEnd {
  readonly end: SegmentEndReason;
  readonly finish?: FinishedBy;
  /** Set when the big model cannot write on. */
  readonly loss?: Loss;
}

/** Says what the big model's own end of a segment leads to under this plan. Gives up a model that failed. */
export function bigSegmentEnd(
  big: BigModel,
  plan: BigPlan,
  limit: SegmentLimit,
  end: BigEnd | typeof BOUNDARY_END,
): BigSegmentEnd {
  if (end.type === "boundary") return { end: "budget" };
  if (end.type === "failed") return { end: "degraded", loss: big.fail(end.error) };
  switch (end.reason) {
    case "limit":
      return limit.reason === "length" ? { end: "length", finish: "length" } : { end: limit.reason };
    case "end-of-turn":
      return plan.onEndOfTurn === "return"
        ? { end: "end-of-turn" }
        : { end: "end-of-turn", finish: "end-of-turn" };
    case "context-full":
      return { end: "degraded", loss: big.runFull() };
    case "stop": {
      const marker = end.marker ?? "a marker";
      return {
        end: "degraded",
        loss: big.fail(new Error(`it stopped at ${marker}, which was not asked for`)),
      };
    }
    default:
      return end.reason satisfies never;
  }
}
