/** The small model writes: alone, until it asks for the big one, or a span between tags of its own. */
import { controlPiece } from "../../core/piece.ts";
import type { GenerateEnd, GenerateOptions } from "../../engines/engine.ts";
import { onCall } from "./call-command.ts";
import { noEndError, RefusedTags } from "./refused-tags.ts";
import { closeSegment, endSegment, finishWith } from "./segment-ends.ts";
import { type Refusal, segmentToken } from "../events/events.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { SmallPlan } from "../policies/policy.ts";
import { prepareBig, type SegmentOutcome, type SegmentRun, type Session } from "../session/session.ts";

export async function writeSmall(session: Session, small: ModelContext, plan: SmallPlan): SegmentRun {
  const { transcript } = session;
  const limit = Math.min(
    plan.maxTokens ?? Infinity,
    plan.tags === "span" ? session.gate.spanTokens : Infinity,
  );
  await session.emit(transcript.start("small", plan.reason));
  const refused = new RefusedTags(small);
  for (;;) {
    const room = Math.min(transcript.remaining, limit - transcript.segmentTokens);
    if (room <= 0) return endAtLimit(session, small, plan);
    if ((await small.sync()).status === "context-full") return finishWith(session, "context-full");
    const options = drawOptions(session, small, plan, refused, room);
    const run = await drawTokens(session, small, plan, options, refused);
    if (run === "until") return endSegment(session, "scheduled");
    switch (run.reason) {
      case "limit":
        // A redraw is shorter than the room: look again.
        break;
      case "context-full":
        return finishWith(session, "context-full");
      case "end-of-turn":
        // Drawn with a tag forbidden, it says nothing of what the model would have done with all there is.
        session.ledger?.endTurn({ id: run.id, logprob: run.logprob, mask: refused.mask });
        return finishWith(session, "end-of-turn");
      case "stop": {
        const ended = await onTag(session, small, plan, refused, run);
        if (ended !== undefined) return ended;
        break;
      }
      default:
        run.reason satisfies never;
    }
  }
}

/** A command in text is forbidden beyond its first token, which may be the first of any text. */
const CALL_REDRAW_TOKENS = 16;

/** Options of the next draws: what stops them, what cannot be drawn, how many there may be. */
function drawOptions(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  refused: RefusedTags,
  room: number,
): GenerateOptions {
  const { options, sampling, dial } = session.settings;
  const { open, close } = options.tags;
  const maxRedrawTokens = plan.call !== undefined && refused.has(plan.call.open) ? CALL_REDRAW_TOKENS : 1;
  const base = { ...refused.draw(room, sampling, maxRedrawTokens), logprobs: session.logprobs };
  const call = plan.call === undefined ? [] : [plan.call.open];
  // A vocabulary without the tags has them as text like any other.
  const ignoresTags = plan.tags === "banned" && !small.engine.capabilities.isControlToken(open);
  const stop = ignoresTags ? call : [open, close, ...call];
  if (stop.length === 0) return base;
  const asks = dial.bias !== 0 && !refused.has(open) && canAsk(session, plan);
  if (!asks) return { ...base, stop };
  return { ...base, stop, bias: [...(base.bias ?? []), { marker: open, nats: dial.bias }] };
}

/** Whether an open tag counts as a request: not when none can be granted any more. */
function canAsk(session: Session, plan: SmallPlan): boolean {
  if (plan.tags === "ask-self") return !session.gate.outOfSegments;
  return plan.tags === "ask-big" && session.big?.lost === false && !session.gate.shut;
}

/** Decodes until the generation ends, or the plan's `until` ends the segment. */
async function drawTokens(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  options: GenerateOptions,
  refused: RefusedTags,
): Promise<GenerateEnd | "until"> {
  const { transcript, ledger } = session;
  const before = small.sequence.position;
  let written = 0;
  for await (const event of small.sequence.generate(options, small.signal)) {
    if (event.type === "end") return event;
    const token = segmentToken(event);
    const verdict = plan.until?.(token, transcript.segmentText);
    if (verdict === "before") {
      small.countDiscarded(1);
      await small.sequence.truncate(before + written);
      return "until";
    }
    written++;
    ledger?.add(token, { author: "policy", mask: refused.mask });
    refused.clear();
    session.big?.hear(token);
    await session.emit(transcript.delta([token]));
    if (verdict === "after") return "until";
  }
  session.signal.throwIfAborted();
  throw noEndError(small);
}

/** A tag came. Returns how the segment ended, or undefined when the tag was refused and the segment continues. */
async function onTag(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  refused: RefusedTags,
  { marker = "", logprob }: GenerateEnd,
): Promise<SegmentOutcome | undefined> {
  const { transcript, settings } = session;
  const { open, close } = settings.options.tags;
  refused.requireAllowed(marker);
  if (plan.call !== undefined && marker === plan.call.open) {
    const mayAsk = session.big?.lost === false && !session.gate.shut;
    const ended = mayAsk ? await onCall(session, small, plan.call, () => admit(session, plan)) : undefined;
    if (ended === undefined) refused.refuse(marker);
    return ended;
  }
  // As in the big model's segments, a close needs something to close.
  const closes = marker === close && plan.tags === "span" && transcript.segmentTokens > 0;
  if (!closes && !(marker === open && canAsk(session, plan))) {
    refused.refuse(marker);
    return undefined;
  }
  if (!closes) {
    const askedAtMs = session.clock.nowMs();
    const refusal = await admit(session, plan);
    if (refusal !== undefined) {
      refused.refuse(open);
      await session.emit(transcript.tag("open", "refused", { logprob, refusal }));
      return undefined;
    }
    session.gate.countSegment();
    session.handoffFromMs = plan.tags === "ask-big" ? askedAtMs : undefined;
  }
  const tag = closes ? "close" : "open";
  const end = closes ? "close-prediction" : "open-tag";
  const label = { author: "policy", text: marker, mask: refused.mask } as const;
  small.write([controlPiece(marker)], 1, logprob === undefined ? label : { ...label, logprob });
  transcript.tagTokens += session.tagTokens[tag];
  const outcome = await endSegment(session, end);
  await session.emit(transcript.tag(tag, "sampled", { logprob }));
  return outcome;
}

/** Asks the dial, then the big model. */
async function admit(session: Session, plan: SmallPlan): Promise<Refusal | undefined> {
  const { gate, transcript, big } = session;
  const writer = plan.tags === "ask-self" ? "self" : "big";
  const refusal = gate.refuseRequest(transcript, writer);
  if (refusal !== undefined || writer === "self") return refusal;
  if (big === undefined) return "big-unavailable";
  return (await prepareBig(session, big)) === undefined ? undefined : "big-unavailable";
}

function endAtLimit(session: Session, small: ModelContext, plan: SmallPlan): SegmentRun {
  if (session.transcript.remaining <= 0) return finishWith(session, "length");
  if (plan.tags !== "span") return endSegment(session, "scheduled");
  return closeSegment(session, small, "segment-limit", { by: "forced" });
}
