/**
 * An engine's speeds as data. `splitreason profile` measures them, or a person writes them from another server's numbers. docs/latency.md
 * describes every field.
 */
import { z } from "zod";

import { readDocument } from "../core/document.ts";

const PROFILE_FORMAT = "splitreason-profile-1";

const speedSchema = z.number().positive().finite();
const millisecondsSchema = z.number().nonnegative().finite().max(3_600_000);

const pointSchema = z.strictObject({
  /** Tokens in the sequence before the timed ones. */
  contextTokens: z.number().int().nonnegative(),
  tokensPerSecond: speedSchema,
  /** 95% interval of the speed, low end first. */
  ci95: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).optional(),
  /** Number of timings. */
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
  /** Time to open and close a sequence. */
  openMs: millisecondsSchema.default(0),
  /** Fixed time of a call that reads tokens. */
  prefillCallMs: millisecondsSchema.default(0),
  /** Time from the call to decode until decoding begins. For a server, that is the request and its way. */
  generateCallMs: millisecondsSchema.default(0),
  /** Fixed time of a call of the controlling prefill, which reads a chunk with a prediction at each position. */
  scoreCallMs: millisecondsSchema.default(0),
});

/** Slow-down factors while the pair's other model works on the same machine. 1 if each has its own. */
const besideSchema = z.strictObject({
  decode: z.number().min(1).max(100).default(1),
  prefill: z.number().min(1).max(100).default(1),
  /** The other model. */
  with: z.string().optional(),
});

export const engineProfileSchema = z.strictObject({
  format: z.literal(PROFILE_FORMAT).default(PROFILE_FORMAT),
  /** The engine's spec, or any name. */
  model: z.string().min(1).default("unnamed"),
  /** SHA-256 of the model file, if it is on this machine. */
  digest: z.string().optional(),
  /** Tokens a second, one sequence at a time (batch 1). */
  prefill: speedsSchema,
  decode: speedsSchema,
  /** Speed of the controlling prefill. Default: that of `prefill`. */
  score: speedsSchema.optional(),
  overhead: overheadSchema.default(overheadSchema.parse({})),
  beside: besideSchema.default(besideSchema.parse({})),
  /** Whether a call that nobody needs any more stops at once, as a server's does when its client leaves. Otherwise it is waited for. */
  cancels: z.boolean().default(true),
  /** Notes on the measurement for people; not used. */
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
