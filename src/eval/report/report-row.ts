/** A row as a report reads it: times and work may be missing, figures may not be nonsense. */
import { z } from "zod";

import { engineWorkSchema, rowSchema } from "../row.ts";

/** Longer ids and names are not those of a task. */
const MAX_ID_UNITS = 1000;

const count = z.number().nonnegative();
const work = z.object({ small: engineWorkSchema, big: engineWorkSchema });

export const reportRowSchema = rowSchema.extend({
  problemId: z.string().max(MAX_ID_UNITS),
  sample: z.number().int().nonnegative(),
  segments: z.array(
    z.object({ author: z.enum(["small", "big"]), text: z.string(), tokens: count, reason: z.string() }),
  ),
  usage: z.object({
    smallTokens: count,
    bigTokens: count,
    discardedTokens: count.optional(),
  }),
  handoffsMs: z.array(count).optional(),
  wallMs: count.optional(),
  firstTokenMs: count.optional(),
  work: work.optional(),
});

export type ReportRow = z.infer<typeof reportRowSchema>;

/** A line of measured.jsonl: what was measured of the row on the same line of rows.jsonl, where the two are kept apart. */
export const measuredLineSchema = z.object({
  problemId: z.string(),
  arm: z.string(),
  sample: z.number(),
  wallMs: count.optional(),
  firstTokenMs: count.optional(),
  discardedTokens: count.optional(),
  work: work.optional(),
});

export type MeasuredLine = z.infer<typeof measuredLineSchema>;
