/** The small model writes: alone, until it asks for the big one, or a span between tags of its own. */
import { EngineError } from "../core/errors.ts";
import { controlPiece } from "../core/piece.ts";
import type { GenerateEnd, GenerateOptions, MarkerBias } from "../engines/engine.ts";
import { type Refusal, segmentToken } from "./events.ts";
import type { ModelContext } from "./model-context.ts";
import type { SmallPlan } from "./policy.ts";
import { type SegmentOutcome, type SegmentRun, type Session, seedFor } from "./session.ts";

export async function writeSmall(session: Session, small: ModelContext, plan: SmallPlan): SegmentRun {
  const { transcript } = session;
  const cap = Math.min(plan.maxTokens ?? Infinity, plan.tags === "span" ? session.gate.spanTokens : Infinity);
  await session.emit(transcript.start("small", plan.reason));
  let redraw = false;
  for (;;) {
    const room = Math.min(transcript.remaining, cap - transcript.segmentTokens);
    if (room <= 0) return endAtLimit(session, small, plan);
    if ((await small.sync()).status === "context-full") return finish(session, "context-full");
    const options = stepOptions(session, small, plan, redraw, room);
    const run = await runStep(session, small, plan, options, redraw);
    redraw = false;
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
        session.ledger?.endTurn(run.logprob);
        return finish(session, "end-of-turn");
      case "stop": {
        const ended = await onMarker(session, small, plan, options, run);
        if (ended !== undefined) return ended;
        redraw = true;
        break;
      }
      default:
        run.reason satisfies never;
    }
  }
}

/** Which markers stop this step, which cannot be written in it, and how long it may be. */
function stepOptions(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  redraw: boolean,
  room: number,
): GenerateOptions {
  const { open, close } = session.settings.options.tags;
  const { capabilities } = small.engine;
  const isTagged = capabilities.isControlToken(open) && capabilities.isControlToken(close);
  const { sampling, dial } = session.settings;
  const forbid = (marker: string): MarkerBias => ({ marker, nats: -Infinity });
  const spanStart = plan.tags === "span" && session.transcript.segmentTokens === 0;
  const base = {
    maxTokens: redraw || spanStart ? 1 : room,
    sampling: redraw ? seedFor("redraw", sampling) : sampling,
    logprobs: session.logprobs,
  };
  // To a vocabulary without tags they are text like any other.
  if (plan.tags === "banned" && !isTagged) return base;
  const stop = [open, close];
  if (plan.tags === "span") {
    return { ...base, stop, bias: spanStart ? [forbid(open), forbid(close)] : [forbid(open)] };
  }
  const ask = !redraw && canAsk(session, plan);
  // A close outside a span means nothing; without control tokens a bias would hit the tags' ordinary tokens.
  const bias: MarkerBias[] = isTagged ? [forbid(close)] : [];
  if (!ask) bias.push(forbid(open));
  else if (dial.bias !== 0) bias.push({ marker: open, nats: dial.bias });
  return { ...base, stop, bias };
}

/** When no request can be granted any more, the open tag is forbidden from the outset. */
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
  redraw: boolean,
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
      mask: redraw ? 0 : 1,
    });
    session.big?.hear(token);
    await session.emit(transcript.delta([token]));
    if (verdict === "after") return "until";
  }
  session.signal.throwIfAborted();
  return fail(`${small.engine.model}: the generation ended without saying why.`);
}

/** A tag came. Returns how the segment ended, or undefined when the tag was refused and the segment goes on. */
async function onMarker(
  session: Session,
  small: ModelContext,
  plan: SmallPlan,
  options: GenerateOptions,
  { marker, logprob }: GenerateEnd,
): Promise<SegmentOutcome | undefined> {
  const { transcript, settings } = session;
  const { open, close } = settings.options.tags;
  const expected = plan.tags === "span" ? close : open;
  const isForbidden = options.bias?.some((bias) => bias.marker === marker && bias.nats === -Infinity);
  if (marker !== expected || isForbidden === true) {
    return fail(
      `${small.engine.model}: it wrote ${marker} where that was forbidden; the bias of its engine does not hold.`,
    );
  }
  if (plan.tags !== "span") {
    const askedAtMs = session.clock.nowMs();
    const refusal = await admit(session, plan);
    if (refusal !== undefined) {
      await session.emit(transcript.tag("open", "refused", { logprob, refusal }));
      return undefined;
    }
    session.gate.countSegment();
    session.handoffFromMs = plan.tags === "ask-big" ? askedAtMs : undefined;
  }
  const tag = plan.tags === "span" ? "close" : "open";
  const end = plan.tags === "span" ? "close-prediction" : "open-tag";
  const label = { author: "policy", text: expected, mask: 1 } as const;
  small.write([controlPiece(expected)], 1, logprob === undefined ? label : { ...label, logprob });
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

function fail(message: string): never {
  throw new EngineError(message, { code: "engine-failed" });
}
