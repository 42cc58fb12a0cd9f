/** What a split decode yields: a stream with the rhythm start / delta / end for each author's segment. */
import type { TokenId } from "../core/ids.ts";

export type Author = "small" | "big";

/** Why a segment begins with this author. */
export type SegmentReason =
  | "start" // the first segment of a generation
  | "open-tag" // the small model asked for help
  | "close-prediction" // the small model's next-token prediction took the pen back
  | "scheduled" // the policy said so (random, always, self, ...)
  | "segment-limit" // the big model's segment reached its cap
  | "budget" // the big model's share of the whole is used up
  | "big-ended" // the big model ended its turn in its segment
  | "degraded"; // the big model failed, timed out or was refused

/** Why the whole generation ended. */
export type FinishReason = "end-of-turn" | "stop" | "length" | "context-full" | "aborted" | "error";

export interface SegmentToken {
  readonly id?: TokenId;
  readonly text: string;
  readonly logprob?: number;
  readonly entropy?: number;
}

export interface Usage {
  readonly promptTokens: number;
  /** Tokens in the output, by author. Tags are decisions and are counted apart. */
  readonly smallTokens: number;
  readonly bigTokens: number;
  readonly tagTokens: number;
  /** Produced by either model and thrown away (behind a close, behind a failure). */
  readonly discardedTokens: number;
  /** Hand-offs to the big model. */
  readonly switches: number;
  /** bigTokens / (smallTokens + bigTokens); 0 when nothing was generated. */
  readonly offloadShare: number;
  /** What each engine really did, in tokens. */
  readonly work: { readonly small: EngineWork; readonly big: EngineWork };
}

export interface EngineWork {
  readonly prefilled: number;
  readonly scored: number;
  readonly decoded: number;
  readonly calls: number;
}

export interface Timing {
  readonly totalMs: number;
  /** Undefined when no token was produced. */
  readonly firstTokenMs?: number;
  /** From the decision to hand over to the big model's first token, one entry a hand-off. */
  readonly handoffsMs: readonly number[];
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
  /** A tag that was sampled, predicted or forced; shown to clients only on request. */
  | {
      readonly type: "tag";
      readonly tag: "open" | "close";
      readonly by: TagOrigin;
      readonly logprob?: number;
    }
  | { readonly type: "degraded"; readonly message: string }
  | {
      readonly type: "finish";
      readonly reason: FinishReason;
      readonly usage: Usage;
      readonly timing: Timing;
      readonly message?: string;
    };

/** `sampled` and `predicted` are the small model's own decisions and are trained; `forced` and `refused` are not. */
export type TagOrigin = "sampled" | "predicted" | "forced" | "refused";

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
