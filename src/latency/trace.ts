/** A recorded trace, as far as time is concerned: who wrote how many tokens, why, and how long it took. */
import { z } from "zod";

/** What rows of `splitreason eval --out` and rollouts of `train grpo` have in common; other fields are left alone. */
export const recordedTraceSchema = z.object({
  problemId: z.string().default(""),
  arm: z.string().optional(),
  segments: z
    .array(
      z.object({
        author: z.enum(["small", "big"]),
        tokens: z.number().int().nonnegative(),
        /** Why the segment began: `SegmentReason` of the decoder. */
        reason: z.string().default("scheduled"),
      }),
    )
    .max(1_000_000),
  finishReason: z.string().default("end-of-turn"),
  usage: z
    .object({ promptTokens: z.number().int().nonnegative(), discardedTokens: z.number().optional() })
    .optional(),
  /** What the small model's engine really did. */
  work: z
    .object({
      small: z.object({
        decoded: z.number().int().nonnegative(),
        discarded: z.number().int().nonnegative().default(0),
      }),
    })
    .optional(),
  /** Measured. */
  wallMs: z.number().nonnegative().optional(),
  firstTokenMs: z.number().nonnegative().optional(),
  handoffsMs: z.array(z.number()).optional(),
  /** Set when the sample failed: what was recorded is not all that happened. */
  error: z.string().optional(),
  degraded: z.string().optional(),
});

export type RecordedTrace = z.output<typeof recordedTraceSchema>;

type HowItBegan =
  /** The small model asked, and reads along to decide where it ends. */
  | "asked"
  /** A policy said so: nobody reads along. */
  | "scheduled";

type HowItEnded =
  /** The small model drew a tag. */
  | "tag"
  /** The small model predicted the close: what was written behind it is thrown away. */
  | "cut"
  /** Its author drew the end of its turn. */
  | "end-of-turn"
  /** At a limit, or by a policy: nothing more was drawn. */
  | "limit";

export interface TraceSegment {
  readonly author: "small" | "big";
  readonly tokens: number;
  readonly began: HowItBegan;
  readonly ended: HowItEnded;
}

export interface Trace {
  readonly promptTokens: number;
  readonly segments: readonly TraceSegment[];
  /** Tags that the small model drew and that were refused, each followed by a draw in which they are forbidden. Default 0. */
  readonly refusedTags?: number;
}

/** @param promptTokens where the recording does not say. */
export function traceOf(recorded: RecordedTrace, promptTokens = 0): Trace {
  const { finishReason, usage } = recorded;
  const segments = recorded.segments.flatMap(({ author, tokens, reason }, index): TraceSegment[] =>
    tokens === 0
      ? []
      : [
          {
            author,
            tokens,
            began: author === "big" && reason === "open-tag" ? "asked" : "scheduled",
            ended: howItEnded(recorded.segments[index + 1]?.reason, finishReason),
          },
        ],
  );
  return {
    promptTokens: usage?.promptTokens ?? promptTokens,
    segments,
    refusedTags: refusedTags(recorded, segments),
  };
}

/** What the small model drew beyond its tokens, its tags (the close of a span of its own is one), its end of the turn and what was thrown away. */
function refusedTags({ work }: RecordedTrace, segments: readonly TraceSegment[]): number {
  if (work === undefined) return 0;
  const accounted = segments
    .filter(({ author }) => author === "small")
    .reduce((sum, { tokens, ended }) => sum + tokens + (ended === "limit" ? 0 : 1), work.small.discarded);
  return Math.max(0, work.small.decoded - accounted);
}

/** @param next Why the next segment began; undefined behind the last one. */
function howItEnded(next: string | undefined, finishReason: string): HowItEnded {
  switch (next) {
    case undefined:
      return finishReason === "end-of-turn" ? "end-of-turn" : "limit";
    case "open-tag":
      return "tag";
    case "close-prediction":
      return "cut";
    case "big-ended":
      return "end-of-turn";
    default:
      return "limit";
  }
}
