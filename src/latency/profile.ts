/**
 * What an engine's speed is, as data: measured by `splitreason profile`, or written by hand from another server's numbers. docs/latency.md
 * describes every field.
 */
import { z } from "zod";

import { readDocument } from "../core/document.ts";

const PROFILE_FORMAT = "splitreason-profile-1";

const speedSchema = z.number().positive().finite();
const millisecondsSchema = z.number().nonnegative().finite().max(3_600_000);

const pointSchema = z.strictObject({
  /** Tokens in the sequence before those that were timed. */
  contextTokens: z.number().int().nonnegative(),
  tokensPerSecond: speedSchema,
  /** 95% interval of the speed, low end first. */
  ci95: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).optional(),
  /** How often it was timed. */
  repeats: z.number().int().positive().optional(),
});

/** One number for all contexts, or a speed for each of several. */
const speedsSchema = z
  .union([
    speedSchema,
    z
      .array(pointSchema)
      .min(1)
      .max(1000)
      .refine(
        (points) => new Set(points.map(({ contextTokens }) => contextTokens)).size === points.length,
        "two points have the same contextTokens",
      ),
  ])
  .transform((speeds) =>
    typeof speeds === "number" ? [{ contextTokens: 0, tokensPerSecond: speeds }] : speeds,
  );

const overheadSchema = z.strictObject({
  /** To open a sequence and to close it again. */
  openMs: millisecondsSchema.default(0),
  /** Of one call that reads tokens, whatever their number. */
  prefillCallMs: millisecondsSchema.default(0),
  /** From the call to decode until decoding begins: for a server, the request and its way. */
  generateCallMs: millisecondsSchema.default(0),
  /** Of one call of the controlling prefill (reading a chunk with a prediction at each position). */
  scoreCallMs: millisecondsSchema.default(0),
});

/** How many times as long work takes while the other model of the pair works on the same machine. 1 where each has its own. */
const besideSchema = z.strictObject({
  decode: z.number().min(1).max(100).default(1),
  prefill: z.number().min(1).max(100).default(1),
  /** Which model that was. */
  with: z.string().optional(),
});

export const engineProfileSchema = z.strictObject({
  format: z.literal(PROFILE_FORMAT).default(PROFILE_FORMAT),
  /** The engine's spec, or any name. */
  model: z.string().min(1).default("unnamed"),
  /** SHA-256 of the model file, where there is one on this machine. */
  digest: z.string().optional(),
  /** Tokens a second, one sequence at a time (batch 1). */
  prefill: speedsSchema,
  decode: speedsSchema,
  /** Of the controlling prefill. Default: as `prefill`. */
  score: speedsSchema.optional(),
  overhead: overheadSchema.default(overheadSchema.parse({})),
  beside: besideSchema.default(besideSchema.parse({})),
  /** Whether a call that nobody needs any more stops at once, as a server's does when its client leaves; otherwise it is waited for at the end. */
  cancels: z.boolean().default(true),
  /** How it was measured, for people: never used. */
  measured: z.record(z.string(), z.unknown()).optional(),
});

export type EngineProfile = z.output<typeof engineProfileSchema>;
export type EngineProfileInput = z.input<typeof engineProfileSchema>;

/** @throws DataError when the file cannot be read, ConfigError naming the field that is wrong. */
export const readProfile = (path: string): Promise<EngineProfile> =>
  readDocument(path, engineProfileSchema, {
    name: `profile ${path}`,
    source: "config",
    advice: 'The least a profile has is {"prefill": 3000, "decode": 16}, in tokens a second.',
  });
