/** `<call>n</call>`: the small model asks for n tokens of the big one, in text (RelayLLM). */
import { controlPiece } from "../../core/piece.ts";
import type { Refusal } from "../events/events.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { CallCommand } from "../policies/policy.ts";
import type { SegmentOutcome, Session } from "../session/session.ts";
import { endSegment, finishWith } from "./segment-ends.ts";

/** Tokens that the number may take. */
const NUMBER_TOKENS = 8;

/**
 * Handles the beginning of a command: reads the number, and asks `admit`. A command that is malformed or refused leaves no trace. Then
 * the result is undefined, and the segment continues with the command forbidden at this place.
 */
export async function onCall(
  session: Session,
  small: ModelContext,
  call: CallCommand,
  admit: () => Promise<Refusal | undefined>,
): Promise<SegmentOutcome | undefined> {
  const { transcript, ledger, clock } = session;
  const askedAtMs = clock.nowMs();
  const before = small.sequence.position;
  const noted = ledger?.length ?? 0;
  const forget = async (): Promise<undefined> => {
    small.countDiscarded(small.sequence.position - before);
    ledger?.rewind(noted);
    await small.sequence.truncate(before);
    return undefined;
  };
  const number = await readNumber(session, small, call);
  if (number === undefined) return await forget();
  const refusal = await admit();
  if (refusal !== undefined) {
    await session.emit(transcript.tag("open", "refused", { text: call.open, refusal }));
    return await forget();
  }
  small.write([controlPiece(call.close)], 1, { author: "policy", text: call.close, mask: 1 });
  if ((await small.sync()).status === "context-full") {
    return await finishWith(session, "context-full");
  }
  session.gate.countSegment();
  session.handoffFromMs = askedAtMs;
  transcript.tagTokens += small.sequence.position - before;
  call.asked(number);
  const outcome = await endSegment(session, "open-tag");
  await session.emit(transcript.tag("open", "sampled", { text: `${call.open}${number}${call.close}` }));
  return outcome;
}

/** The number between the two marks of the command; undefined where that is no whole number from 1 on. */
async function readNumber(
  session: Session,
  small: ModelContext,
  call: CallCommand,
): Promise<number | undefined> {
  small.write([controlPiece(call.open)], 1, { author: "policy", text: call.open, mask: 1 });
  if ((await small.sync()).status === "context-full") return undefined;
  const options = {
    maxTokens: NUMBER_TOKENS,
    sampling: session.settings.sampling,
    logprobs: session.logprobs,
    stop: [call.close],
  };
  let text = "";
  for await (const event of small.sequence.generate(options, small.signal)) {
    if (event.type === "end") {
      const isNumber = event.reason === "stop" && /^\s*\d{1,6}\s*$/u.test(text) && Number(text) > 0;
      return isNumber ? Number(text) : undefined;
    }
    session.ledger?.add(event, { author: "policy", mask: 1 });
    text += event.text;
  }
  return undefined;
}
