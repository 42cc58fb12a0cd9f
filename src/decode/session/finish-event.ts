/** The last event of a request: why it ended, and what it cost. */
import { SplitReasonError, errorMessage } from "../../core/errors.ts";
import type { EngineWork, FinishEvent, FinishReason, Usage } from "../events/events.ts";
import type { Session } from "./session.ts";

const NO_WORK: EngineWork = { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 };

/** Makes the last event. Call it after both contexts are closed: only then are the counts final. */
export function finishEvent(
  session: Session,
  outcome: { readonly reason: FinishReason; readonly error?: unknown },
): FinishEvent {
  const { transcript, ledger } = session;
  const { promptTokens, smallTokens, bigTokens, tagTokens, switches } = transcript;
  const work = { small: session.small?.work ?? NO_WORK, big: session.big?.context.work ?? NO_WORK };
  const written = smallTokens + bigTokens;
  const usage: Usage = {
    promptTokens,
    smallTokens,
    bigTokens,
    tagTokens,
    discardedTokens: work.small.discarded + work.big.discarded,
    switches,
    offloadShare: written === 0 ? 0 : bigTokens / written,
    work,
  };
  return {
    type: "finish",
    reason: outcome.reason,
    usage,
    timing: transcript.timing(),
    ...(outcome.error === undefined ? {} : { message: errorMessage(outcome.error) }),
    ...(outcome.error instanceof SplitReasonError ? { code: outcome.error.code } : {}),
    ...(ledger === undefined ? {} : { ledger: ledger.build() }),
  };
}
