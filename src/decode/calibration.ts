/**
 * What a bias buys: the big model's share of the tokens, and accuracy, measured at several biases on held-out problems. Kept beside the small
 * model, so that a share can be asked for instead of nats (`splitreason calibrate` makes it).
 */
import { z } from "zod";

import { ConfigError } from "../core/errors.ts";

const share = z.number().min(0).max(1);

export const CALIBRATION_FILE = "calibration.json";

export const calibrationSchema = z.strictObject({
  format: z.literal("splitreason-calibration-1"),
  small: z.strictObject({ spec: z.string(), digest: z.string().optional() }),
  big: z.strictObject({ spec: z.string(), digest: z.string().optional() }),
  task: z.strictObject({ name: z.string(), version: z.string(), problems: z.int().positive() }),
  seed: z.int(),
  temperature: z.number().nonnegative(),
  git: z.string().nullable(),
  /** In the order of the bias. */
  points: z
    .array(
      z.strictObject({
        /** Nats on the open tag's logit. */
        bias: z.number(),
        share,
        accuracy: share,
        ci95: z.tuple([share, share]).readonly(),
      }),
    )
    .min(1)
    .readonly(),
});

export type Calibration = z.output<typeof calibrationSchema>;
export type CalibrationPoint = Calibration["points"][number];

/**
 * The bias at which the big model writes this share: linear between the two measured points around it. Below the smallest measured share but
 * above 0, and above the largest, nothing was measured.
 * @throws ConfigError with the range that was.
 */
export function biasForShare(points: readonly CalibrationPoint[], target: number): number {
  const rising = monotone(points);
  const exact = rising.find((point) => point.share === target);
  if (exact !== undefined) return exact.bias;
  for (const [index, upper] of rising.entries()) {
    const lower = rising[index - 1];
    if (lower === undefined || lower.share > target || upper.share < target) continue;
    return lower.bias + ((upper.bias - lower.bias) * (target - lower.share)) / (upper.share - lower.share);
  }
  const first = rising[0]?.share ?? 0;
  const last = rising.at(-1)?.share ?? 0;
  const percent = (value: number): string => `${(value * 100).toFixed(1)}%`;
  throw new ConfigError(
    `a share of ${percent(target)} lies outside of what was measured for this pair (${percent(first)} to ${percent(last)}): ` +
      "measure it with splitreason calibrate --target-share, or set --bias or --budget.",
    { code: "config-invalid" },
  );
}

/** Points whose share is not above the one before are noise: the later ones are left out. */
function monotone(points: readonly CalibrationPoint[]): CalibrationPoint[] {
  const kept: CalibrationPoint[] = [];
  for (const point of [...points].sort((a, b) => a.bias - b.bias)) {
    const last = kept.at(-1);
    if (last === undefined || point.share > last.share) kept.push(point);
  }
  return kept;
}
