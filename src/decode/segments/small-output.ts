/** The output of a segment in which the small model writes tokens before it is known whether they stay. The first token kept begins it. */
import { type SegmentReason, segmentToken } from "../events/events.ts";
import type { Session } from "../session/session.ts";
import type { UntaggedToken } from "./untagged-tokens.ts";

export class SmallOutput {
  readonly #session: Session;
  readonly #reason: SegmentReason;

  constructor(session: Session, reason: SegmentReason) {
    this.#session = session;
    this.#reason = reason;
  }

  /**
   * Makes tokens part of the output, in one event; they are in the small model's context already.
   * @param inBig whether the big model has read them as well.
   */
  async keep(tokens: readonly UntaggedToken[], inBig: boolean): Promise<void> {
    const { transcript, ledger, big, emit } = this.#session;
    if (tokens.length === 0) return;
    if (transcript.openAuthor === undefined) await emit(transcript.start("small", this.#reason));
    for (const token of tokens) ledger?.add(token, { author: "policy", mask: token.mask });
    if (!inBig) for (const token of tokens) big?.hear(token);
    await emit(transcript.delta(tokens.map(segmentToken)));
  }
}
