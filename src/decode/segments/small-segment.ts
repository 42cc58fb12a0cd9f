/** The small model writes: alone, until it asks for the big one, or a span between tags of its own. */
import { EngineError } from "../../core/errors.ts";
import { controlPiece } from "../../core/piece.ts";
import type { GenerateEnd, GenerateOptions, MarkerBias } from "../../engines/engine.ts";
import { onCall } from "./call-command.ts";
import { type Refusal, segmentToken } from "../events/events.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { SmallPlan } from "../policies/policy.ts";
import { type SegmentOutcome, type SegmentRun, type Session, seedFor } from "../session/session.ts";

export async function writeSmall(session: Session, small: ModelContext, plan: SmallPlan): SegmentRun {
  const { transcript } = session;
  const cap = Math.min(plan.maxTokens ?? Infinity, plan.tags === "span" ? session.gate.spanTokens : Infinity);
  await session.emit(transcript.start("small", plan.reason));
  const refused: Refused = new Set();
  for (;;) {
    const room = Math.min(transcript.remaining, cap - transcript.segmentTokens);
    if (room <= 0) return endAtLimit(session, small, plan);
    if ((await small.sync()).status === "context-full") return finish(session, "context-full");
    const run = await runStep(
      session,
      small,
      plan,
      stepOptions(session, small, plan, refused, room),
      refused,
    );
    if (run === "until") {
      await session.emit(transcript.end("scheduled"));
      return { end: "scheduled" };
    }
    switch (run.reason) {
      case "limit":
        // A step may have been shorter than the room: look again.
        break;
      case "context-full":
        return finish(session, "context-full");
      case "end-of-turn":
        // Drawn with a tag forbidden, it says nothing of what the model would have done with all there is.
        session.ledger?.endTurn({ id: run.id, logprob: run.logprob, mask: refused.size === 0 ? 1 : 0 });
        return finish(session, "end-of-turn");
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

/**
 * Tags that were drawn at this very place and refused. The next draw is made with them forbidden and with another seed: with the same one,
 * the token beside the tag would come more often than its share. Tags are rare, so they are refused when they come rather than forbidden in
 * advance, which would cost time at every token.
 */
type Refused = Set<string>;

const CALL_REDRAW_TOKENS = 16;

/** What stops this step, what cannot be written in it, and how long it may be. */
function stepOptions(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  refused: Refused,
  room: number,
): GenerateOptions {
  const { options, sampling, dial } = session.settings;
  const { open, close } = options.tags;
  const isRedraw = refused.size > 0;
  // A command in text is forbidden beyond its first token, which may be any text's.
  const redrawn = plan.call !== undefined && refused.has(plan.call.open) ? CALL_REDRAW_TOKENS : 1;
  const base = {
    maxTokens: isRedraw ? Math.min(redrawn, room) : room,
    sampling: isRedraw ? seedFor(`redraw ${refused.size}`, sampling) : sampling,
    logprobs: session.logprobs,
  };
  const call = plan.call === undefined ? [] : [plan.call.open];
  // To a vocabulary without tags they are text like any other.
  const ignoresTags = plan.tags === "banned" && !small.engine.capabilities.isControlToken(open);
  const stop = ignoresTags ? call : [open, close, ...call];
  if (stop.length === 0) return base;
  const bias: MarkerBias[] = [...refused].map((marker) => ({ marker, nats: -Infinity }));
  if (dial.bias !== 0 && !refused.has(open) && canAsk(session, plan)) {
    bias.push({ marker: open, nats: dial.bias });
  }
  return { ...base, stop, ...(bias.length === 0 ? {} : { bias }) };
}

/** Whether an open tag counts as a request: not when none can be granted any more. */
function canAsk(session: Session, plan: SmallPlan): boolean {
  if (plan.tags === "ask-self") return !session.gate.outOfSegments;
  return plan.tags === "ask-big" && session.big?.lost === false && !session.gate.shut;
}

/** Decodes until the step ends or the plan's `until` ends the segment. */
async function runStep(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  options: GenerateOptions,
  refused: Refused,
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
    ledger?.add({
      ...(token.id === undefined ? {} : { id: token.id }),
      text: token.text,
      author: "policy",
      ...(token.logprob === undefined ? {} : { logprob: token.logprob }),
      mask: refused.size === 0 ? 1 : 0,
    });
    refused.clear();
    session.big?.hear(token);
    await session.emit(transcript.delta([token]));
    if (verdict === "after") return "until";
  }
  session.signal.throwIfAborted();
  throw new EngineError(`${small.engine.model}: the generation ended without saying why.`, {
    code: "engine-failed",
  });
}

/** A tag came. Returns how the segment ended, or undefined when the tag was refused and the segment goes on. */
async function onTag(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  refused: Refused,
  { marker = "", logprob }: GenerateEnd,
): Promise<SegmentOutcome | undefined> {
  const { transcript, settings } = session;
  const { open, close } = settings.options.tags;
  if (refused.has(marker)) {
    throw new EngineError(
      `${small.engine.model}: it wrote ${marker} where that was forbidden; the bias of its engine does not hold.`,
      { code: "engine-failed" },
    );
  }
  if (plan.call !== undefined && marker === plan.call.open) {
    const mayAsk = session.big?.lost === false && !session.gate.shut;
    const ended = mayAsk ? await onCall(session, small, plan.call, () => admit(session, plan)) : undefined;
    if (ended === undefined) refused.add(marker);
    return ended;
  }
  // As for the big model's segments, a close needs something to close behind.
  const closes = marker === close && plan.tags === "span" && transcript.segmentTokens > 0;
  if (!closes && !(marker === open && canAsk(session, plan))) {
    refused.add(marker);
    return undefined;
  }
  if (!closes) {
    const askedAtMs = session.clock.nowMs();
    const refusal = await admit(session, plan);
    if (refusal !== undefined) {
      refused.add(open);
      await session.emit(transcript.tag("open", "refused", { logprob, refusal }));
      return undefined;
    }
    session.gate.countSegment();
    session.handoffFromMs = plan.tags === "ask-big" ? askedAtMs : undefined;
  }
  const tag = closes ? "close" : "open";
  const end = closes ? "close-prediction" : "open-tag";
  const label = { author: "policy", text: marker, mask: refused.size === 0 ? 1 : 0 } as const;
  small.write([controlPiece(marker)], 1, logprob === undefined ? label : { ...label, logprob });
  transcript.tagTokens += session.tagTokens[tag];
  await session.emit(transcript.end(end));
  await session.emit(transcript.tag(tag, "sampled", { logprob }));
  return { end };
}

/** Asks the dial, then the big model. */
async function admit(session: Session, plan: SmallPlan): Promise<Refusal | undefined> {
  const { gate, transcript, big } = session;
  const writer = plan.tags === "ask-self" ? "self" : "big";
  const refusal = gate.refuseRequest(transcript, writer);
  if (refusal !== undefined || writer === "self") return refusal;
  if (big === undefined) return "big-unavailable";
  const loss = await big.prepare();
  session.signal.throwIfAborted();
  if (loss === undefined) return undefined;
  await session.emit({ type: "degraded", ...loss });
  return "big-unavailable";
}

async function endAtLimit(session: Session, small: ModelContext, plan: SmallPlan): SegmentRun {
  const { transcript, tagTokens, settings } = session;
  if (transcript.remaining <= 0) return finish(session, "length");
  if (plan.tags !== "span") {
    await session.emit(transcript.end("scheduled"));
    return { end: "scheduled" };
  }
  const { close } = settings.options.tags;
  small.write([controlPiece(close)], 1, { author: "template", text: close, mask: 0 });
  transcript.tagTokens += tagTokens.close;
  await session.emit(transcript.end("segment-limit"));
  await session.emit(transcript.tag("close", "forced"));
  return { end: "segment-limit" };
}

async function finish(session: Session, reason: "length" | "context-full" | "end-of-turn"): SegmentRun {
  await session.emit(session.transcript.end(reason));
  return { end: reason, finish: reason };
}
