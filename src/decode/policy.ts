/**
 * Who writes next. A policy returns the plan of the next segment, given the history; the decoder carries it out and asks again.
 * Implementations are in `policies/`, one small file each.
 *
 * A policy that needs another kind of step (a draft to be judged, several continuations to choose from) adds a variant to
 * {@link SegmentPlan} and a function that carries it out; the loop of the decoder stays as it is.
 */
import type { Rng } from "../core/rng.ts";
import type { Author, SegmentEndReason, SegmentReason, SegmentToken } from "./events.ts";

export interface Policy {
  readonly name: string;
  /** Which models take part. `big` alone: the dial does not apply, and a lost big model is an error. */
  readonly uses: "small" | "pair" | "big";
  /** Whether the small model asks and closes with tags, which must then be control tokens of its vocabulary. */
  readonly needsTags: boolean;
  /** State of one generation is kept in the run, never in the policy. */
  start(context: PolicyContext): PolicyRun;
}

export interface PolicyContext {
  /** The policy's own stream. */
  readonly rng: Rng;
  readonly maxTokens: number;
}

export interface PolicyRun {
  /** Called at the start and whenever a segment has ended and the generation goes on. */
  next(history: History): SegmentPlan;
}

export interface History {
  readonly smallTokens: number;
  readonly bigTokens: number;
  readonly segments: readonly WrittenSegment[];
}

export interface WrittenSegment {
  readonly author: Author;
  readonly reason: SegmentReason;
  readonly end: SegmentEndReason;
  readonly tokens: number;
  readonly text: string;
}

export type SegmentPlan = SmallPlan | BigPlan;

export interface SmallPlan {
  readonly author: "small";
  readonly reason: SegmentReason;
  /**
   * `ask-big`: an open tag asks for the big model and, if granted, ends the segment. `ask-self`: it asks for a span of the
   * small model's own. `span`: such a span; a close tag ends it. `banned`: neither tag can be written.
   */
  readonly tags: "ask-big" | "ask-self" | "span" | "banned";
  /** Ends the segment (`scheduled`; a span by `segment-limit` and a forced close). Default: none. */
  readonly maxTokens?: number;
  readonly until?: Until;
}

export interface BigPlan {
  readonly author: "big";
  readonly reason: SegmentReason;
  /** `predicted`: the small model reads along and takes the pen back by predicting the close tag. `never`: it does not read along. */
  readonly close: "predicted" | "never";
  /** Ends the segment (`scheduled`). Default: none. */
  readonly maxTokens?: number;
  /** When the big model ends its turn: does that end the whole, or does the small model go on? */
  readonly onEndOfTurn: "finish" | "return";
}

/** Looks at each token of the segment: `after` ends it behind this token, `before` throws this token away and ends it there. */
export type Until = (token: SegmentToken, segmentText: string) => "after" | "before" | undefined;

/** Why the small model writes again after `end`, for policies that hand back. */
export function resumeReason(end: SegmentEndReason | undefined): SegmentReason {
  switch (end) {
    case undefined:
      return "start";
    case "end-of-turn":
      return "big-ended";
    case "open-tag":
    case "close-prediction":
    case "segment-limit":
    case "budget":
    case "degraded":
      return end;
    case "scheduled":
    case "stop":
    case "length":
    case "context-full":
    case "aborted":
    case "error":
      return "scheduled";
    default:
      return end satisfies never;
  }
}
