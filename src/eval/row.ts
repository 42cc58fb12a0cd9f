/** An evaluation row: one sample of one arm on one problem, and a line of rows.jsonl. */
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

/** The work of one model for a sample, in tokens: `EngineWork` of the decoder. */
export const engineWorkSchema = z.object({
  /** Tokens read without a prediction. */
  prefilled: z.number(),
  /** Tokens read in the controlling prefill; not in `prefilled`. */
  scored: z.number(),
  /** Tokens drawn, including tags, ends of turns and discarded ones. */
  decoded: z.number(),
  calls: z.number(),
  /** The part of `decoded` that was discarded. */
  discarded: z.number(),
  /** Tokens that it guessed for the other model and that were read, and those of them that the other model wrote. Absent without guesses. */
  drafted: z.number().optional(),
  accepted: z.number().optional(),
  /** Tokens of all prompts sent to a server, whether its prefix cache had them or not; absent for a model in this process. */
  sent: z.number().optional(),
});

export const evaluationRowSchema = z.object({
  problemId: z.string(),
  problem: z.string(),
  gold: z.string(),
  arm: z.string(),
  /** Number of the sample, from 0. */
  sample: z.number().int(),
  seed: z.number().int(),
  /** Null without one, also where a limit cut the text before it. */
  answer: z.string().nullable(),
  correct: z.boolean(),
  /** `length` or `context-full` where a limit ended the text. */
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
  /** Tokens of the output. A failed sample has what was counted before it failed. */
  usage: usageSchema,
  /** Time from the decision to hand over to the big model's first token, one entry a hand-off. */
  handoffsMs: z.array(z.number()),
  /** Time from the sample's start to its end. Samples that run at the same time share the machine. */
  wallMs: z.number(),
  /** Time from the sample's start to the first token of the output; absent without such a token or a measurement. */
  firstTokenMs: z.number().optional(),
  /** Absent when the sample failed before its models could say. */
  work: z.object({ small: engineWorkSchema, big: engineWorkSchema }).optional(),
  /** Share of tokens that a random arm was asked to hand over. */
  requestedShare: z.number().optional(),
  /** Why the big model was lost, if the small one continued without it. The answer still counts. */
  degraded: z.string().optional(),
  /** Reason why the sample failed. It counts as wrong. */
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
 * The outcome: the part of a row that the seed determines. Measured parts are left out: times, and the work of two models that run
 * at the same time. One of them reads ahead, or writes until the other has decided.
 */
export const outcomeSchema = evaluationRowSchema
  .omit({ wallMs: true, firstTokenMs: true, handoffsMs: true, work: true })
  .extend({ usage: usageSchema.omit({ discardedTokens: true }) });

/** The measured rest of a row with the key of its sample: a line of measured.jsonl. */
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

/** No task has longer ids. */
const MAX_ID_UNITS = 1000;

const count = z.number().nonnegative();

/** Measures that may be missing in a file: they are kept apart, or an older version did not take them. */
const measures = {
  wallMs: count.optional(),
  firstTokenMs: count.optional(),
  handoffsMs: z.array(count).optional(),
  work: evaluationRowSchema.shape.work,
};

/** A row as read from a file: times and work may be missing, but figures must make sense. */
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

/** A line of measured.jsonl: the measures of the row on the same line of rows.jsonl. */
export const recordedMeasuresSchema = z.object({
  problemId: z.string(),
  arm: z.string(),
  sample: z.number(),
  ...measures,
  discardedTokens: count.optional(),
});

export type RecordedRow = z.infer<typeof recordedRowSchema>;
export type RecordedMeasures = z.infer<typeof recordedMeasuresSchema>;

/** A row without its texts. Statistics need no more, and a long run keeps no more in memory. */
export type RowFigures = Omit<EvaluationRow, "problem" | "gold" | "text" | "segments"> & {
  /** SHA-256 of the row's outcome as a line of JSON, in hexadecimal digits. */
  readonly digest: string;
};

export function figuresOf(row: EvaluationRow): RowFigures {
  const { problem: _problem, gold: _gold, text: _text, segments: _segments, ...figures } = row;
  return { ...figures, digest: outcomeDigest(outcomeOf(row)) };
}

/** The digest of a row that was read from a file; undefined if it has no whole outcome. */
export function recordedDigest(row: RecordedRow): string | undefined {
  const outcome = outcomeSchema.safeParse(row);
  return outcome.success ? outcomeDigest(outcome.data) : undefined;
}

const outcomeDigest = (outcome: RowOutcome): string =>
  createHash("sha256").update(JSON.stringify(outcome)).digest("hex");

/** The digest of all rows, from those of each row in their order. */
export class RowsDigest {
  readonly #hash = createHash("sha256");

  add(digest: string): void {
    this.#hash.update(`${digest}\n`);
  }

  /** Ends the digest. */
  value(): string {
    return this.#hash.digest("hex");
  }
}

export function rowsDigest(rows: readonly RowFigures[]): string {
  const all = new RowsDigest();
  for (const { digest } of rows) all.add(digest);
  return all.value();
}

/** The key of a row: no two rows of a run share it. */
export const rowKey = (row: Pick<EvaluationRow, "arm" | "problemId" | "sample">): string =>
  JSON.stringify([row.problemId, row.sample, row.arm]);
