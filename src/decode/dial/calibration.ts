/**
 * A calibration: the big model's share of the tokens, and the accuracy, at several settings of the dial on held-out problems. It is kept
 * beside the small model, so that a share can be asked for instead of nats. `splitreason calibrate` makes it.
 */
import { z } from "zod";

import { ConfigError } from "../../core/errors.ts";

const share = z.number().min(0).max(1);
const interval = z.tuple([share, share]).readonly();
const model = z.strictObject({ spec: z.string(), digest: z.string().optional() });

export const CALIBRATION_FILE = "calibration.json";

export const calibrationSchema = z.strictObject({
  format: z.literal("splitreason-calibration-2"),
  small: model,
  big: model,
  task: z.strictObject({ name: z.string(), version: z.string(), problems: z.int().positive() }),
  seed: z.int(),
  temperature: z.number().nonnegative(),
  /** The other settings of the dial that were in force and not the default: a budget, a longest segment, ... */
  dial: z.record(z.string(), z.union([z.number(), z.boolean()])).optional(),
  /** At bias 0: tokens of an answer, of which nine in ten have no more, and of a span of the big model, on average. A budget expects as many. */
  expected: z.strictObject({ tokens: z.number().positive(), spanTokens: z.number().positive() }).optional(),
  git: z.string().nullable(),
  /** In the order of the share. */
  points: z
    .array(
      z.strictObject({
        /** Nats on the open tag's logit. */
        bias: z.number(),
        /** Probability of refusing a request. */
        reject: share,
        share,
        /** Bootstrap over problems. */
        shareCi95: interval,
        accuracy: share,
        ci95: interval,
      }),
    )
    .min(1)
    .readonly(),
});

export type Calibration = z.output<typeof calibrationSchema>;
export type CalibrationPoint = Calibration["points"][number];
/** The settings of the dial that a calibration finds. */
export type ShareDial = Pick<CalibrationPoint, "bias" | "reject">;

/** Where the shares of two neighbours differ by more than this ratio, the bias between them is a guess: the share jumps there. */
const STEEPEST = 2.5;

/**
 * The setting at which the big model writes this share. Between two points that differ in the bias alone it is the bias between them, linearly.
 * Otherwise, and below the smallest share that was measured, it is the next point above, with more requests refused. The share is then
 * proportional to the part that is granted (docs/results.md compares the two).
 * @throws ConfigError with the largest share that was measured, when this one is larger.
 */
export function dialForShare(points: readonly CalibrationPoint[], target: number): ShareDial {
  const rising = [...points].sort((a, b) => a.share - b.share);
  const upperIndex = rising.findIndex((point) => point.share >= target);
  const upper = rising[upperIndex];
  if (upper === undefined) {
    const percent = (value = 0): string => `${(value * 100).toFixed(1)}%`;
    throw new ConfigError(
      `a share of ${percent(target)} is more than was measured for this pair (up to ${percent(rising.at(-1)?.share)}): ` +
        "measure it with splitreason calibrate --target-share, or set --bias or --budget.",
      { code: "config-invalid" },
    );
  }
  const { bias, reject } = upper;
  if (upper.share === target) return { bias, reject };
  const lower = rising[upperIndex - 1];
  const isSmooth = lower !== undefined && lower.reject === 0 && reject === 0;
  if (isSmooth && lower.share * STEEPEST >= upper.share) {
    const part = (target - lower.share) / (upper.share - lower.share);
    return { bias: lower.bias + (bias - lower.bias) * part, reject: 0 };
  }
  return { bias, reject: 1 - ((1 - reject) * target) / upper.share };
}
