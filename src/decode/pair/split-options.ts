/** How two models decode together, whatever is asked of them: when each reads, and how long the big one is waited for. */
import { z } from "zod";

import { OFFLOAD_TAGS, tagPairSchema } from "../../tags/grammar.ts";

const positiveCount = z.number().int().positive();

export const splitOptionsSchema = z
  .object({
    /** Whether the big model reads along while the small one writes (Paper 3.1). Otherwise it reads everything at the hand-off. */
    streamingPrefill: z.boolean().default(true),
    /** How many tokens are written before the other model reads them in the background. */
    prefillChunk: positiveCount.default(64),
    /** Big tokens that the small model reads at once: the sizes of a segment's first chunks, of which the last repeats. Small ones
     * first: little waste on short spans, little overhead on long ones. The reference reads 64 at a time from the start. */
    chunks: z.array(positiveCount).min(1).readonly().default([8, 16, 32, 64]),
    /** Whether an idle small model reads what there is of a chunk when the big one is slow to fill it. The output is the same. */
    eagerChunks: z.boolean().default(true),
    tags: tagPairSchema.default(OFFLOAD_TAGS),
    /** Lengths that a budget expects: of most outputs at most (0: nothing is known), and of a span, in tokens. A calibration measures both. */
    expected: z
      .strictObject({
        tokens: z.number().nonnegative().default(0),
        spanTokens: z.number().positive().default(8),
      })
      .prefault({}),
    /** Longest silence of the big model while it is waited for: its opening, a prefill, a token. One that computes is not silent. */
    bigTimeoutMs: positiveCount.default(120_000),
    /** How often a big model that failed in a retryable way is tried again, at the next hand-off. */
    bigRetries: z.number().int().nonnegative().default(1),
  })
  .strict();

export type SplitOptionsInput = z.input<typeof splitOptionsSchema>;
export type SplitOptions = z.output<typeof splitOptionsSchema>;
