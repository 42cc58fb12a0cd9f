/** The output of a segment of the small model whose tokens are kept after the fact: it begins with the first token that is. */
import type { SegmentEndReason, SegmentReason } from "../events/events.ts";
import { segmentToken } from "../events/events.ts";
import type { SegmentOutcome, Session } from "../session/session.ts";
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
    for (const { id, text, logprob, mask } of tokens) {
      ledger?.add({
        ...(id === undefined ? {} : { id }),
        text,
        author: "policy",
        ...(logprob === undefined ? {} : { logprob }),
        mask,
      });
    }
    if (!inBig) for (const token of tokens) big?.hear(token);
    await emit(transcript.delta(tokens.map(segmentToken)));
  }

  /** Ends the segment, if anything was kept. */
  async end(end: SegmentEndReason): Promise<SegmentOutcome> {
    const { transcript, emit } = this.#session;
    if (transcript.openAuthor !== undefined) await emit(transcript.end(end));
    return { end };
  }

  /** Ends the whole. */
  async finish(reason: "length" | "context-full" | "end-of-turn"): Promise<SegmentOutcome> {
    return { ...(await this.end(reason)), finish: reason };
  }
}
