/**
 * The documents of the API, checked once on arrival (docs/api.md describes them). Fields that the playground does not read are dropped.
 * A missing optional field is undefined, never an invented value.
 */
import * as z from "zod/mini";

// Otherwise zod tries `new Function`, which the content security policy refuses with a message in the console.
z.config({ jitless: true });

const authorSchema = z.enum(["small", "big"]);
export type Author = z.infer<typeof authorSchema>;

const count = z.number().check(z.nonnegative());

/** GET playground.json */
export const playgroundInfoSchema = z.object({
  /** The server's names of the models. A pair may have no big one. */
  pair: z.object({ small: z.string(), big: z.nullable(z.string()) }),
  models: z.object({ split: z.string(), small: z.string(), big: z.string() }),
  defaults: z.object({
    budget: z.optional(z.nullable(z.number().check(z.gte(0), z.lte(1)))),
    bias: z.optional(z.nullable(z.number())),
    maxTokens: z.optional(z.nullable(count)),
    temperature: z.optional(z.nullable(z.number())),
  }),
  examples: z.array(z.object({ title: z.string(), problem: z.string() })),
  needsKey: z.boolean(),
});
export type PlaygroundInfo = z.infer<typeof playgroundInfoSchema>;

/** The gateway's report of the whole generation, in its last chunk. */
const summarySchema = z.object({
  policy: z.optional(z.string()),
  seed: z.optional(z.number()),
  finish: z.optional(z.string()),
  offload_share: z.optional(z.number()),
  switches: z.optional(count),
  handoff_ms: z.optional(z.nullable(z.object({ mean: z.nullable(z.number()), max: z.nullable(z.number()) }))),
  first_token_ms: z.optional(z.nullable(z.number())),
  total_ms: z.optional(z.number()),
  degraded: z.optional(z.nullable(z.string())),
});
export type Summary = z.infer<typeof summarySchema>;

const usageSchema = z.object({
  prompt_tokens: count,
  completion_tokens: count,
  completion_tokens_details: z.optional(
    z.nullable(
      z.object({
        small_tokens: z.optional(count),
        big_tokens: z.optional(count),
        discarded_tokens: z.optional(count),
        switches: z.optional(count),
      }),
    ),
  ),
});
export type Usage = z.infer<typeof usageSchema>;

const errorSchema = z.object({
  message: z.string(),
  type: z.optional(z.nullable(z.string())),
  code: z.optional(z.nullable(z.union([z.string(), z.number()]))),
  param: z.optional(z.nullable(z.string())),
});
export type WireErrorBody = z.infer<typeof errorSchema>;

/** The body of a refusal, and the last event of a stream that failed. */
export const errorEnvelopeSchema = z.object({ error: errorSchema });

/** One event of a chat completion's stream. */
export const chunkSchema = z.object({
  choices: z.array(
    z.object({
      delta: z.optional(
        z.object({
          content: z.optional(z.nullable(z.string())),
          reasoning_content: z.optional(z.nullable(z.string())),
        }),
      ),
      finish_reason: z.optional(z.nullable(z.string())),
    }),
  ),
  usage: z.optional(z.nullable(usageSchema)),
  splitreason: z.optional(
    z.nullable(z.extend(summarySchema, { author: z.optional(authorSchema), tokens: z.optional(count) })),
  ),
});
