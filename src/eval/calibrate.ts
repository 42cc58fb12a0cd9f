/**
 * Finds the bias of the open tag at which the big model writes a wanted share, on held-out problems, and measures the curve on the way: first a
 * coarse grid (widened until the target lies within it), then bisection between the two points around the target.
 */
import type { CalibrationPoint } from "../decode/calibration.ts";
import { ConfigError } from "../core/errors.ts";
import { parseArms } from "./arms.ts";
import { evaluate, type EvaluationHooks, type EvaluationSettings } from "./evaluate.ts";

export interface CalibrationSettings extends Omit<
  EvaluationSettings,
  "arms" | "samples" | "out" | "randomChunk"
> {
  readonly targetShare: number;
  /** Biases of the grid (nats), in order. */
  readonly grid?: readonly number[];
  /** How near the share must come, as a part of the target. */
  readonly tolerance?: number;
  readonly mostBisections?: number;
}

export interface CalibrationResult {
  readonly points: readonly CalibrationPoint[];
  readonly chosen: CalibrationPoint;
  readonly git: string | null;
}

/** Added to the seed: calibration must not see the problems that `eval` reports on. */
const HELD_OUT_SEED = 500_009;

/** Nats: beyond this a tag is as good as forbidden, or forced. */
const FARTHEST = 48;

const GRID = [-6, -3, -1.5, 0, 1.5, 3] as const;

/** @throws ConfigError when the target lies outside of what the grid's biases reach. */
export async function calibrate(
  settings: CalibrationSettings,
  hooks: Pick<EvaluationHooks, "clock" | "signal"> & {
    readonly onPoint?: (point: CalibrationPoint, measured: number) => void;
  },
): Promise<CalibrationResult> {
  const { targetShare, grid = GRID, tolerance = 0.05, mostBisections = 6, pair, ...shared } = settings;
  const points: CalibrationPoint[] = [];
  let git: string | null = null;
  const measure = async (bias: number): Promise<CalibrationPoint> => {
    const { summary } = await evaluate(
      {
        ...shared,
        seed: settings.seed + HELD_OUT_SEED,
        pair: { ...pair, dial: { ...pair.dial, bias } },
        arms: parseArms("learned"),
        samples: 1,
        randomChunk: 32,
      },
      { clock: hooks.clock, signal: hooks.signal },
    );
    const [arm] = summary.arms;
    if (arm === undefined) throw new TypeError("an evaluation of one arm gave none");
    git = summary.git;
    const point = { bias, share: arm.offloadShare, accuracy: arm.accuracy, ci95: arm.ci95 };
    points.push(point);
    points.sort((a, b) => a.bias - b.bias);
    hooks.onPoint?.(point, points.length);
    return point;
  };
  for (const bias of grid) await measure(bias);
  // A model that is sure of its tags moves only at biases far out.
  const lowest = () => points[0];
  const highest = () => points.at(-1);
  for (
    let low = lowest();
    low !== undefined && low.share > targetShare && low.bias > -FARTHEST;
    low = lowest()
  )
    await measure(Math.max(-FARTHEST, 2 * low.bias));
  for (
    let high = highest();
    high !== undefined && high.share < targetShare && high.bias < FARTHEST;
    high = highest()
  )
    await measure(Math.min(FARTHEST, 2 * high.bias));
  const nearest = (): CalibrationPoint =>
    points.reduce((best, point) =>
      Math.abs(point.share - targetShare) < Math.abs(best.share - targetShare) ? point : best,
    );
  for (let round = 0; round < mostBisections; round++) {
    if (Math.abs(nearest().share - targetShare) <= tolerance * targetShare) break;
    const upperIndex = points.findIndex(({ share }) => share > targetShare);
    const upper = points[upperIndex];
    const lower = points[upperIndex - 1];
    if (upper === undefined || lower === undefined) {
      const percent = (share = 0): string => `${(100 * share).toFixed(1)}%`;
      throw new ConfigError(
        `biases from ${lowest()?.bias} to ${highest()?.bias} nats give shares from ${percent(lowest()?.share)} to ` +
          `${percent(highest()?.share)}: ${percent(targetShare)} is not among them.`,
        { code: "config-invalid" },
      );
    }
    await measure((lower.bias + upper.bias) / 2);
  }
  return { points, chosen: nearest(), git };
}
