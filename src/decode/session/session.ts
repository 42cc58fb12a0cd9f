/** The state that the parts of one split decode share. */
import type { Clock } from "../../core/clock.ts";
import { hash32 } from "../../core/rng.ts";
import type { Engine, Sampling } from "../../engines/engine.ts";
import type { BigModel, Loss } from "../contexts/big-model.ts";
import type { DraftWriter } from "../contexts/draft-writer.ts";
import type { CloseRule } from "./close-rule.ts";
import type { Gate } from "../dial/dial.ts";
import type { FinishReason, SegmentEndReason, SplitEvent } from "../events/events.ts";
import type { LedgerBuilder } from "../events/ledger.ts";
import type { ModelContext } from "../contexts/model-context.ts";
import type { CheckedRequest } from "./request.ts";
import type { Transcript } from "./transcript.ts";

export interface Session {
  readonly settings: CheckedRequest;
  readonly logprobs: boolean;
  /** Aborted when the caller aborts, and when the consumer leaves. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Gives an event to the consumer; resolves when the next one is asked for. Throws when no one wants it any more. */
  readonly emit: (event: SplitEvent) => Promise<void>;
  /** Undefined when the policy does not use it. */
  readonly small: ModelContext | undefined;
  readonly big: BigModel | undefined;
  /** The small model, where it only guesses the big one's tokens. Made when the first segment begins. */
  drafts: DraftWriter | undefined;
  readonly smallEngine: Engine;
  readonly transcript: Transcript;
  readonly gate: Gate;
  readonly closeRule: CloseRule;
  readonly ledger: LedgerBuilder | undefined;
  /** Tokens that each tag takes in the small model's vocabulary. */
  readonly tagTokens: { open: number; close: number };
  /** When the small model's request was granted: the hand-off is timed from here. */
  handoffFromMs: number | undefined;
  /** How long the small model took to read its last chunk of a segment. */
  confirmMs: number | undefined;
}

/** How a segment ended, and the whole with it when `finish` is set. */
export interface SegmentOutcome {
  readonly end: SegmentEndReason;
  readonly finish?: FinishReason;
}

/** Carries a plan out and says how it ended. Throws what the small model throws, and when the request is aborted or left. */
export type SegmentRun = Promise<SegmentOutcome>;

/** Whether the big model could write a token now, as far as is known without asking it. */
export function canHandOver({ big, gate, transcript }: Session): boolean {
  return big?.lost === false && gate.refuseScheduled(transcript) === undefined;
}

/**
 * Brings the big model up to date, so that it can write or read a draft. When it is lost over that, the consumer is told, unless no other
 * model takes part: then the loss ends the whole.
 */
export async function prepareBig(session: Session, big: BigModel): Promise<Loss | undefined> {
  const loss = await big.prepare();
  session.signal.throwIfAborted();
  if (loss !== undefined && session.small !== undefined) await session.emit({ type: "degraded", ...loss });
  return loss;
}

/** The draws of the two models, and the one in place of a refused tag, must not be correlated. */
export function seedFor(
  use: "big" | `redraw ${number}` | `candidate ${number}`,
  sampling: Sampling,
): Sampling {
  return { ...sampling, seed: hash32(use, sampling.seed) };
}
