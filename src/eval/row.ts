/** One sample of one arm on one problem: a line of rows.jsonl. */
import { createHash } from "node:crypto";

import { z } from "zod";

const usageSchema = z.object({
  promptTokens: z.number(),
  smallTokens: z.number(),
  bigTokens: z.number(),
  tagTokens: z.number(),
  discardedTokens: z.number(),
  switches: z.number(),
  offloadShare: z.number(),
});

/** What one model did for a sample, in tokens: `EngineWork` of the decoder. */
export const engineWorkSchema = z.object({
  /** Read without a prediction being asked for. */
  prefilled: z.number(),
  /** Read in the controlling prefill; not in `prefilled`. */
  scored: z.number(),
  /** Drawn: tags, ends of turns and what was thrown away included. */
  decoded: z.number(),
  calls: z.number(),
  /** Of `decoded`: thrown away. */
  discarded: z.number(),
  /** Tokens of all prompts that were sent to a server, which keeps a prefix cache or reads them again; absent for a model in this process. */
  sent: z.number().optional(),
});

export const evaluationRowSchema = z.object({
  problemId: z.string(),
  problem: z.string(),
  gold: z.string(),
  arm: z.string(),
  /** From 0. */
  sample: z.number().int(),
  seed: z.number().int(),
  answer: z.string().nullable(),
  correct: z.boolean(),
  finishReason: z.string(),
  text: z.string(),
  segments: z.array(
    z.object({
      author: z.enum(["small", "big"]),
      text: z.string(),
      tokens: z.number(),
      reason: z.string(),
    }),
  ),
  /** Of a failed sample: as far as was counted before it failed. */
  usage: usageSchema,
  /** From the decision to hand over to the big model's first token, one entry a hand-off. */
  handoffsMs: z.array(z.number()),
  /** Of this sample, from its start to its end; samples that run at the same time share the machine. */
  wallMs: z.number(),
  /** From the sample's start to the first token of the output; absent when there was none, or it was not measured. */
  firstTokenMs: z.number().optional(),
  /** Absent when the sample failed before its models could say. */
  work: z.object({ small: engineWorkSchema, big: engineWorkSchema }).optional(),
  /** The share that was asked of a random arm. */
  requestedShare: z.number().optional(),
  /** What took the big model away, when the small one wrote on without it. The answer counts as it is. */
  degraded: z.string().optional(),
  /** Why the sample failed. It counts as wrong. */
  error: z.string().optional(),
});

export type EvaluationRow = z.infer<typeof evaluationRowSchema>;
export type RowUsage = z.infer<typeof usageSchema>;
export type RowWork = NonNullable<EvaluationRow["work"]>;
export type EngineWorkCounts = z.infer<typeof engineWorkSchema>;

export const NO_USAGE: RowUsage = {
  promptTokens: 0,
  smallTokens: 0,
  bigTokens: 0,
  tagTokens: 0,
  discardedTokens: 0,
  switches: 0,
  offloadShare: 0,
};

/**
 * What the seed determines of a row. Left out is what is measured: times, and the work of models that run at the same time, of
 * which one reads ahead or writes on until the other has decided.
 */
export const outcomeSchema = evaluationRowSchema
  .omit({ wallMs: true, firstTokenMs: true, handoffsMs: true, work: true })
  .extend({ usage: usageSchema.omit({ discardedTokens: true }) });

/** The rest of a row, with what it belongs to: a line of measured.jsonl. */
const measuredSchema = evaluationRowSchema
  .pick({
    problemId: true,
    arm: true,
    sample: true,
    wallMs: true,
    firstTokenMs: true,
    handoffsMs: true,
    work: true,
  })
  .extend({ discardedTokens: usageSchema.shape.discardedTokens });

type RowOutcome = z.infer<typeof outcomeSchema>;
type RowMeasured = z.infer<typeof measuredSchema>;

export const outcomeOf = (row: EvaluationRow): RowOutcome => outcomeSchema.parse(row);

export const measuredOf = (row: EvaluationRow): RowMeasured =>
  measuredSchema.parse({ ...row, discardedTokens: row.usage.discardedTokens });

/** Longer ids and names are not those of a task. */
const MAX_ID_UNITS = 1000;

const count = z.number().nonnegative();

/** What may be missing in a file: measures that are kept apart, or that an older version did not take. */
const measures = {
  wallMs: count.optional(),
  firstTokenMs: count.optional(),
  handoffsMs: z.array(count).optional(),
  work: evaluationRowSchema.shape.work,
};

/** A row as a file may have it: times and work may be missing, figures may not be nonsense. */
export const recordedRowSchema = evaluationRowSchema.extend({
  ...measures,
  problemId: z.string().max(MAX_ID_UNITS),
  sample: z.int().nonnegative(),
  segments: z.array(
    z.object({ author: z.enum(["small", "big"]), text: z.string(), tokens: count, reason: z.string() }),
  ),
  usage: usageSchema
    .partial()
    .extend({ smallTokens: count, bigTokens: count, discardedTokens: count.optional() }),
});

/** A line of measured.jsonl: what was measured of the row on the same line of rows.jsonl. */
export const recordedMeasuresSchema = z.object({
  problemId: z.string(),
  arm: z.string(),
  sample: z.number(),
  ...measures,
  discardedTokens: count.optional(),
});

export type RecordedRow = z.infer<typeof recordedRowSchema>;
export type RecordedMeasures = z.infer<typeof recordedMeasuresSchema>;

/** A row without its texts: what statistics need, and what a long run keeps in memory. */
export type RowFigures = Omit<EvaluationRow, "problem" | "gold" | "text" | "segments"> & {
  /** SHA-256 of the row's outcome as a line of JSON, in hexadecimal digits. */
  readonly digest: string;
};

export function figuresOf(row: EvaluationRow): RowFigures {
  const { problem: _problem, gold: _gold, text: _text, segments: _segments, ...figures } = row;
  return {
    ...figures,
    digest: createHash("sha256")
      .update(JSON.stringify(outcomeOf(row)))
      .digest("hex"),
  };
}

/** One digest for all rows, in their order. */
export function rowsDigest(rows: readonly RowFigures[]): string {
  const hash = createHash("sha256");
  for (const { digest } of rows) hash.update(`${digest}\n`);
  return hash.digest("hex");
}

/** What a row is the result of: no two rows of a run share it. */
export const rowKey = (row: Pick<EvaluationRow, "arm" | "problemId" | "sample">): string =>
  JSON.stringify([row.problemId, row.sample, row.arm]);
