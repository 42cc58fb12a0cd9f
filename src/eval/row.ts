/** One sample of one arm on one problem: a line of rows.jsonl. */
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

export const rowSchema = z.object({
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

export type Row = z.infer<typeof rowSchema>;
export type RowUsage = z.infer<typeof usageSchema>;
export type RowWork = NonNullable<Row["work"]>;
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

/** What a row is the result of: no two rows of a run share it. */
export const rowKey = (row: Pick<Row, "arm" | "problemId" | "sample">): string =>
  JSON.stringify([row.problemId, row.sample, row.arm]);
