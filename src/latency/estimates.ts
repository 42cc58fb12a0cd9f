/** Estimates with intervals from repeated timings. Rounds are resampled, since timings of one round share their disturbances. */
import type { Rng } from "../core/rng.ts";
import { type Interval, quantile } from "../core/statistics.ts";

export interface Estimate {
  readonly value: number;
  /** Percentile bootstrap over rounds; absent for a single round, which says nothing about the spread. */
  readonly ci95?: Interval;
}

const RESAMPLES = 1000;

/** @param statistic A figure of a list of rounds, in which a round may occur several times. */
export function estimate<Round>(
  rounds: readonly Round[],
  statistic: (rounds: readonly Round[]) => number,
  rng: Rng,
): Estimate {
  const value = statistic(rounds);
  if (rounds.length < 2) return { value };
  const values = Float64Array.from({ length: RESAMPLES }, () =>
    statistic(rounds.map(() => rng.pick(rounds))),
  ).sort();
  return { value, ci95: [quantile(values, 0.025), quantile(values, 0.975)] };
}

/** An amount of work, and the time it took. */
export interface Timing {
  readonly tokens: number;
  readonly ms: number;
}

export interface Line {
  /** Milliseconds that do not depend on the number of tokens. */
  readonly fixedMs: number;
  /** Milliseconds for each further token; above 0. */
  readonly tokenMs: number;
}

/**
 * Fits the least-squares line of time over tokens. If noise gives a fixed part below zero, or tokens that cost nothing, the line goes through the
 * origin. Needs at least one timing of one token or more.
 */
export function lineThrough(timings: readonly Timing[]): Line {
  const meanOf = (pick: (timing: Timing) => number): number =>
    timings.reduce((sum, timing) => sum + pick(timing), 0) / timings.length;
  const tokens = meanOf((timing) => timing.tokens);
  const ms = meanOf((timing) => timing.ms);
  const covariance = meanOf((timing) => (timing.tokens - tokens) * (timing.ms - ms));
  const variance = meanOf((timing) => (timing.tokens - tokens) ** 2);
  const tokenMs = variance === 0 ? 0 : covariance / variance;
  const fixedMs = ms - tokenMs * tokens;
  if (tokenMs > 0 && fixedMs >= 0) return { fixedMs, tokenMs };
  return { fixedMs: 0, tokenMs: Math.max(LEAST_TOKEN_MS, ms / tokens) };
}

/** A billion tokens a second, faster than any clock can tell. */
const LEAST_TOKEN_MS = 1e-6;
