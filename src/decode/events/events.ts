/** The events of a split decode: a stream with the rhythm start / delta / end for each author's segment. */
import type { ErrorCode } from "../../core/errors.ts";
import type { TokenId } from "../../core/ids.ts";
import type { Ledger } from "./ledger.ts";

export type Author = "small" | "big";

/** Why a segment begins with this author. */
export type SegmentReason =
  | "start" // the first segment of a generation
  | "open-tag" // the small model asked for help
  | "close-prediction" // the small model's next-token prediction took the pen back
  | "scheduled" // the policy said so (random, always, self, ...)
  | "segment-limit" // the segment before it reached its limit
  | "budget" // the big model's share of the whole is used up, or its number of segments
  | "big-ended" // the big model ended its turn in its segment
  | "degraded"; // the big model failed, timed out or was refused

/** Why the whole generation ended. */
export type FinishReason = "end-of-turn" | "stop" | "length" | "context-full" | "aborted" | "error";

export interface SegmentToken {
  /** In the vocabulary of the segment's author; left out where a cut fell within the token. */
  readonly id?: TokenId;
  readonly text: string;
  readonly logprob?: number;
  readonly entropy?: number;
}

/** The part of a token that events carry. */
export function segmentToken(token: SegmentToken): SegmentToken {
  const { id, text, logprob, entropy } = token;
  // Once a token: without the spreads where nothing was asked for.
  if (logprob === undefined && entropy === undefined) return id === undefined ? { text } : { id, text };
  return {
    ...(id === undefined ? {} : { id }),
    text,
    ...(logprob === undefined ? {} : { logprob }),
    ...(entropy === undefined ? {} : { entropy }),
  };
}

/** A segment that has ended. */
export interface WrittenSegment {
  readonly author: Author;
  readonly reason: SegmentReason;
  readonly end: SegmentEndReason;
  readonly tokens: number;
  readonly text: string;
}

export interface Usage {
  readonly promptTokens: number;
  /** Tokens in the output, by author. Tags are decisions and are counted apart. */
  readonly smallTokens: number;
  readonly bigTokens: number;
  readonly tagTokens: number;
  /** Produced by either model and discarded: after a close, a failure or a stop text. */
  readonly discardedTokens: number;
  /** Segments that the big model began. */
  readonly switches: number;
  /** bigTokens / (smallTokens + bigTokens); 0 when nothing was generated. */
  readonly offloadShare: number;
  /** The work of each engine, in tokens. */
  readonly work: { readonly small: EngineWork; readonly big: EngineWork };
}

export interface EngineWork {
  readonly prefilled: number;
  readonly scored: number;
  readonly decoded: number;
  readonly calls: number;
  /** The part of `decoded` that was discarded. */
  readonly discarded: number;
  /** Tokens that it guessed for the other model and that were read, and those of them that the other model wrote. Absent without guesses. */
  readonly drafted?: number;
  readonly accepted?: number;
  /** Tokens of all prompts sent to a server (see `SequenceWork`); absent for a model in this process. */
  readonly sent?: number;
}

export interface Timing {
  readonly totalMs: number;
  /** Undefined when no token was produced. */
  readonly firstTokenMs?: number;
  /** From the decision to hand over to the big model's first token, one entry a hand-off. */
  readonly handoffsMs: readonly number[];
}

export interface FinishEvent {
  readonly type: "finish";
  readonly reason: FinishReason;
  readonly usage: Usage;
  readonly timing: Timing;
  /** The message of the error, when `reason` is `error`. */
  readonly message?: string;
  readonly code?: ErrorCode;
  /** Only when the request asked for it. */
  readonly ledger?: Ledger;
}

export type SplitEvent =
  | { readonly type: "segment-start"; readonly author: Author; readonly reason: SegmentReason }
  | {
      readonly type: "segment-delta";
      readonly author: Author;
      readonly text: string;
      readonly tokens: readonly SegmentToken[];
    }
  | { readonly type: "segment-end"; readonly author: Author; readonly reason: SegmentEndReason }
  /** A tag that was sampled, predicted or forced, or asked for and refused; shown to clients only on request. */
  | {
      readonly type: "tag";
      readonly tag: "open" | "close";
      readonly by: TagOrigin;
      /** The text that was written, where it is not the pair's own tag. */
      readonly text?: string;
      /** log P(tag comes next) under the small model at temperature 1, without bias. */
      readonly logprob?: number;
      /** Why, when `by` is `refused`. */
      readonly refusal?: Refusal;
    }
  /** The big model could not continue, or not begin; the small one writes by itself. */
  | { readonly type: "degraded"; readonly message: string; readonly code?: ErrorCode }
  | FinishEvent;

/** `sampled` and `predicted` are the small model's own decisions and are trained; `forced` and `refused` are not. */
export type TagOrigin = "sampled" | "predicted" | "forced" | "refused";

/** Why a request for the big model was refused. */
export type Refusal =
  | "reject" // by the dial's probability
  | "budget" // the big model's share leaves no room for a token
  | "segments" // as many segments as the dial allows
  | "big-unavailable"; // it failed, was away, or its context is full

export type SegmentEndReason =
  | "open-tag"
  | "close-prediction"
  | "scheduled"
  | "segment-limit"
  | "budget"
  | "end-of-turn"
  | "stop"
  | "length"
  | "context-full"
  | "degraded"
  | "aborted"
  | "error";
