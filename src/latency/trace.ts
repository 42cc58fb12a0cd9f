/** Recorded traces, read from files, and the parts of them that concern time: who wrote how many tokens, why, and how long it took. */
import { z } from "zod";

import { DataError } from "../core/errors.ts";
import { readJsonLines } from "../core/json-lines.ts";

/** The common fields of rows of `splitreason eval --out` and rollouts of `train grpo`. Other fields are ignored. */
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
  /** Real work of the small model's engine. */
  work: z
    .object({
      small: z.object({
        decoded: z.number().int().nonnegative(),
        discarded: z.number().int().nonnegative().default(0),
      }),
    })
    .optional(),
  /** Measured times. */
  wallMs: z.number().nonnegative().optional(),
  firstTokenMs: z.number().nonnegative().optional(),
  handoffsMs: z.array(z.number()).optional(),
  /** Set if the sample failed. Then the record is incomplete. */
  error: z.string().optional(),
  degraded: z.string().optional(),
});

export type RecordedTrace = z.output<typeof recordedTraceSchema>;

type HowItBegan =
  /** The small model asked, and reads along to decide where it ends. */
  | "asked"
  /** A policy decided: nobody reads along. */
  | "scheduled";

type HowItEnded =
  /** The small model drew a tag. */
  | "tag"
  /** The small model predicted the close tag: tokens after it are discarded. */
  | "cut"
  /** Its author drew the end of its turn. */
  | "end-of-turn"
  /** A limit or a policy ended it: nothing more was drawn. */
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
  /** Number of tags that the small model drew and that were refused. After each, a draw follows in which they are forbidden. Default 0. */
  readonly refusedTags?: number;
}

/** @param promptTokens For recordings that do not say. */
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

/** Counts refused tags: draws of the small model that were no token, no tag (a close of its own span is one), no end of turn and not discarded. */
function refusedTags({ work }: RecordedTrace, segments: readonly TraceSegment[]): number {
  if (work === undefined) return 0;
  const accounted = segments
    .filter(({ author }) => author === "small")
    .reduce((sum, { tokens, ended }) => sum + tokens + (ended === "limit" ? 0 : 1), work.small.discarded);
  return Math.max(0, work.small.decoded - accounted);
}

/** @param next The reason why the next segment began; undefined after the last one. */
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

export interface TraceFilter {
  readonly arm?: string | undefined;
  /** Limit on the traces that match. */
  readonly limit?: number | undefined;
}

export interface ReadTraces {
  readonly traces: readonly RecordedTrace[];
  /** Number of traces in the file. */
  readonly total: number;
  /** Number of traces left out because they failed or lost the big model. Their record does not explain their time. */
  readonly failed: number;
  /** Number of traces of this arm beyond the limit. */
  readonly beyondLimit: number;
}

/** @throws DataError when the file cannot be read, a line is no trace, or none is left. */
export async function readTraces(path: string, { arm, limit = Infinity }: TraceFilter): Promise<ReadTraces> {
  const all = await readJsonLines(path, recordedTraceSchema);
  const matching = all.filter((trace) => arm === undefined || trace.arm === arm);
  const sound = matching.filter((trace) => trace.error === undefined && trace.degraded === undefined);
  if (sound.length === 0) {
    const arms = [...new Set(all.flatMap((trace) => trace.arm ?? []))].join(", ");
    throw new DataError(
      `${path} has ${all.length} traces. ${matching.length} are of the arm asked for, and ${sound.length} of these have no failure; ` +
        `its arms: ${arms === "" ? "none named" : arms}.`,
      { code: "data-invalid" },
    );
  }
  const traces = sound.slice(0, limit);
  return {
    traces,
    total: all.length,
    failed: matching.length - sound.length,
    beyondLimit: sound.length - traces.length,
  };
}
