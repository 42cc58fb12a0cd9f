/**
 * Decides which settings of the dial are measured, and in which order. How the share depends on the bias is known only where it was measured,
 * with noise. A model that is sure of its tags reacts only to a large bias, and then perhaps abruptly. If the share jumps over the target,
 * requests are refused instead.
 */
import { ConfigError } from "../../core/errors.ts";
import { type CalibrationPoint, dialForShare, type ShareDial } from "../../decode/dial/calibration.ts";

export interface SearchOptions {
  /** @param left About how many measurements come after this one. */
  readonly measure: (dial: ShareDial, left: number) => Promise<CalibrationPoint>;
  /** Whether the small model's engine can bias a tag. If not, no share above the learned one can be reached. */
  readonly canBias: boolean;
  readonly targetShare?: number;
}

export interface SearchResult {
  /** Points by rising share. */
  readonly points: readonly CalibrationPoint[];
  /** The point nearest to the target. */
  readonly chosen?: CalibrationPoint;
}

/** Goals of the curve: parts of the share at bias 0, and biases above 0 (nats). */
const CURVE = { parts: [0.75, 0.5, 0.25], above: [1.5, 3] } as const;
/** How near a share must come to its goal, relative to the goal. */
const TOLERANCE = { curve: 0.2, target: 0.05 } as const;
const ROUNDS = { curve: 2, target: 6 } as const;
/** Nats. Beyond this bias a tag is in effect forbidden, or forced. */
const FARTHEST = 48;
/** Nats. Nearer biases count as the same. */
const FINEST = 0.25;
const FIRST_BELOW = -4;
/** The model may ask again after a refusal, so the share falls less than the refused part. */
const CORRECTIONS = 2;

/** @throws ConfigError when the target is more than the model asks for at any bias. */
export async function searchShares(options: SearchOptions): Promise<SearchResult> {
  const search = new Search(options);
  const { targetShare, canBias } = options;
  const goals: (() => Promise<void>)[] = [];
  const learned = await search.at({ bias: 0, reject: 0 }, 10);
  if (canBias)
    for (const bias of CURVE.above) goals.push(() => search.at({ bias, reject: 0 }).then(() => undefined));
  for (const part of learned.share === 0 ? [] : CURVE.parts)
    goals.push(() => search.reach(learned.share * part, TOLERANCE.curve, ROUNDS.curve));
  if (targetShare !== undefined) goals.push(() => search.reach(targetShare, TOLERANCE.target, ROUNDS.target));
  for (const [index, goal] of goals.entries()) {
    search.goalsLeft = goals.length - 1 - index;
    await goal();
  }
  return {
    points: search.points,
    ...(targetShare === undefined ? {} : { chosen: search.nearest(targetShare) }),
  };
}

class Search {
  readonly points: CalibrationPoint[] = [];
  goalsLeft = 0;
  readonly #options: SearchOptions;

  constructor(options: SearchOptions) {
    this.#options = options;
  }

  /** Measures the setting, unless it was measured before. */
  async at(dial: ShareDial, left = Math.round(1.5 * this.goalsLeft)): Promise<CalibrationPoint> {
    const known = this.points.find(({ bias, reject }) => bias === dial.bias && reject === dial.reject);
    if (known !== undefined) return known;
    const point = await this.#options.measure(dial, left);
    this.points.push(point);
    this.points.sort((a, b) => a.share - b.share || a.bias - b.bias || b.reject - a.reject);
    return point;
  }

  nearest(share: number): CalibrationPoint {
    return this.points.reduce((best, point) =>
      Math.abs(point.share - share) < Math.abs(best.share - share) ? point : best,
    );
  }

  /** Measures until a point is near `share`. */
  async reach(share: number, tolerance: number, rounds: number): Promise<void> {
    const isNear = (): boolean => Math.abs(this.nearest(share).share - share) <= tolerance * share;
    for (let round = 0; !isNear(); round++) {
      const bias = this.#options.canBias ? this.#nextBias(share, round < rounds) : undefined;
      if (bias === undefined) break;
      await this.at({ bias, reject: 0 });
    }
    for (let correction = 0; !isNear() && correction < CORRECTIONS; correction++) {
      await this.at(rounded(dialForShare(this.points, share)));
    }
  }

  /** Undefined if no bias brings the share nearer. */
  #nextBias(share: number, mayRefine: boolean): number | undefined {
    const unrefused = this.points.filter(({ reject }) => reject === 0);
    const upper = unrefused.find((point) => point.share >= share);
    const lower = unrefused.findLast((point) => point.share < share);
    const biases = unrefused.map(({ bias }) => bias);
    if (upper === undefined) {
      const highest = Math.max(...biases);
      if (highest < FARTHEST) return Math.min(FARTHEST, 2 * Math.max(highest, CURVE.above[0]));
      throw new ConfigError(
        `at a bias of ${highest} nats the share is ${(100 * (unrefused.at(-1)?.share ?? 0)).toFixed(1)}%: ` +
          `${(100 * share).toFixed(1)}% is more than this model asks for.`,
        { code: "config-invalid" },
      );
    }
    if (lower === undefined) {
      const lowest = Math.min(...biases);
      if (lowest <= -FARTHEST) return undefined;
      return lowest >= 0 ? FIRST_BELOW : Math.max(-FARTHEST, 2 * lowest);
    }
    if (!mayRefine || Math.abs(upper.bias - lower.bias) <= FINEST) return undefined;
    const part = (share - lower.share) / (upper.share - lower.share);
    const within = Math.min(0.9, Math.max(0.1, part));
    return Math.round(100 * (lower.bias + (upper.bias - lower.bias) * within)) / 100;
  }
}

/** Rounds a setting to what a table can show. */
const rounded = ({ bias, reject }: ShareDial): ShareDial => ({
  bias: Math.round(100 * bias) / 100,
  reject: Math.round(1000 * reject) / 1000,
});
