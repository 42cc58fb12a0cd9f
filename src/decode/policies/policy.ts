/**
 * A policy decides who writes next. It returns the plan of the next segment, given the history; the decoder carries it out and asks again.
 * Implementations stand beside this file, one small file each.
 *
 * A policy that needs another kind of step adds a variant to {@link SegmentPlan} and a function that carries it out; the loop of the
 * decoder stays as it is.
 */
import type { Rng } from "../../core/rng.ts";
import type { SegmentEndReason, SegmentReason, SegmentToken, WrittenSegment } from "../events/events.ts";

export interface Policy {
  readonly name: string;
  /** Which models take part. With `big` alone the dial does not apply, and a lost big model is an error. */
  readonly uses: "small" | "pair" | "big";
  /** Whether the small model asks and closes with tags, which must then be control tokens of its vocabulary. */
  readonly needsTags: boolean;
  /** Whether the small model chooses where to hand over, so that it should read a task's hint about the tags. */
  readonly readsHint?: boolean;
  /** Further abilities that the engines must have. */
  readonly needs?: PolicyNeeds;
  /** State of one generation is kept in the run, never in the policy. */
  start(context: PolicyContext): PolicyRun;
}

export interface PolicyNeeds {
  /** The small model's engine reports the entropy of the next token. */
  readonly entropy?: boolean;
  /** The big model's engine reports how likely each token is that it reads. */
  readonly tokenLogprobs?: boolean;
  /** The small model drafts for the big one: both are in this process and have one vocabulary. */
  readonly drafts?: boolean;
  /** The small model's engine can forbid a text that was drawn. */
  readonly forbidding?: boolean;
}

export interface PolicyContext {
  /** The policy's own stream. */
  readonly rng: Rng;
  readonly maxTokens: number;
  /** Whether the small model knows both tags as control tokens. */
  readonly hasTags: boolean;
}

export interface PolicyRun {
  /** Called at the start and whenever a segment has ended and the generation continues. */
  next(history: History): SegmentPlan;
}

export interface History {
  readonly smallTokens: number;
  readonly bigTokens: number;
  readonly segments: readonly WrittenSegment[];
  /** The end of the output so far: its last 512 code units (`TAIL_LENGTH`). */
  readonly tail: string;
}

export type SegmentPlan = SmallPlan | GlimpsePlan | DraftPlan | BigPlan;

/**
 * The end of a reasoning step. `paragraph`: an empty line, as in SpecReason, GlimpRouter and Speculative Thinking. `line`: the end of a line.
 * `sentence`: the end of a line too, and a full stop, question mark or exclamation mark with white space after it.
 * `clause`: where a sentence ends, and after a comma, semicolon, colon or relation sign with white space after it.
 */
export type StepKind = "paragraph" | "line" | "sentence" | "clause";

export interface SmallPlan {
  readonly author: "small";
  readonly how?: undefined;
  readonly reason: SegmentReason;
  /**
   * `ask-big`: an open tag asks for the big model; if granted, it ends the segment. `ask-self`: an open tag asks for a span that the
   * small model writes by itself. `span`: such a span; a close tag ends it. `banned`: neither tag can be written.
   */
  readonly tags: "ask-big" | "ask-self" | "span" | "banned";
  /** Ends the segment (`scheduled`; a span by `segment-limit` and a forced close). Default: none. */
  readonly maxTokens?: number;
  readonly until?: Until;
  /** A command written as text that asks for the big model as the open tag does. */
  readonly call?: CallCommand;
}

/** `<call>n</call>`: a request for n tokens. It is neither output nor the big model's to read. */
export interface CallCommand {
  readonly open: string;
  readonly close: string;
  /** The request was granted: the segment ends with `open-tag`. */
  readonly asked: (tokens: number) => void;
}

/**
 * The small model writes step by step. It draws the first token of each step; where `hard` says so of that token's entropy, the token is
 * discarded and the segment ends (`scheduled`). Steps are not judged while the big model could not write anyway. A segment in which
 * nothing was kept does not show.
 */
export interface GlimpsePlan {
  readonly author: "small";
  readonly how: "glimpse";
  readonly reason: SegmentReason;
  readonly step: StepKind;
  /** `entropy` in nats, at temperature 1. */
  readonly hard: (entropy: number) => boolean;
}

/**
 * The small model drafts step by step, unseen by the reader; the big model reads each draft and says how much of it stays. Where that is
 * not all, the rest is discarded and the segment ends (`scheduled`). Drafts are not judged while the big model could not write
 * anyway: they stay.
 */
export interface DraftPlan {
  readonly author: "small";
  readonly how: "draft";
  readonly reason: SegmentReason;
  readonly step: StepKind;
  /** The longest draft, in tokens. */
  readonly maxStepTokens: number;
  /** Drafts of each step; the judge likes one best. */
  readonly candidates: number;
  /** Sampling temperature of the drafts after the first, where the request is greedy. */
  readonly temperature: number;
  readonly judge: DraftJudge;
  /** Whether the big model takes over after each step, even where all of it stays. */
  readonly handOver?: boolean;
}

/** The question that the big model answers about a draft. */
export type DraftJudge =
  /** How likely is it, token by token? `value` makes one figure of that (the best candidate has the highest); `keep` says how many tokens stay. */
  | {
      readonly by: "likelihood";
      readonly value: (logprobs: readonly number[]) => number;
      readonly keep: (logprobs: readonly number[]) => number;
    }
  /** A question after the draft. Its answer, greedy and at most `answerTokens` long, says whether all of the draft stays. */
  | {
      readonly by: "question";
      readonly question: string;
      readonly answerTokens: number;
      readonly accepts: (answer: string) => boolean;
    };

export interface BigPlan {
  readonly author: "big";
  readonly reason: SegmentReason;
  /**
   * `predicted`: the small model reads along and takes the pen back by predicting the close tag. `never`: it does not read along. `forced`:
   * it does not read along either, but is given the close tag when the segment ends. With the reason `open-tag` the request was granted already.
   */
  readonly close: "predicted" | "never" | "forced";
  /** Ends the segment (`scheduled`). Default: none. */
  readonly maxTokens?: number;
  /** Not together with `predicted`. */
  readonly until?: Until;
  /** The small model guesses the next tokens, which the big one reads together. The text does not change. Needs {@link PolicyNeeds.drafts}. */
  readonly draft?: DraftLimits;
  /** When the big model ends its turn: `finish` ends the whole, `return` lets the small model continue. */
  readonly onEndOfTurn: "finish" | "return";
}

export interface DraftLimits {
  /** The longest draft, in tokens. */
  readonly tokens: number;
  /** A draft ends before the first token to which the small model gives a probability below this. */
  readonly confidence: number;
}

/** Looks at each token of the segment. `after` ends the segment after this token; `before` discards the token and ends the segment there. */
export type Until = (token: SegmentToken, segmentText: string) => "after" | "before" | undefined;

/** The reason for which the small model writes again after `end`, for policies that hand back. */
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
