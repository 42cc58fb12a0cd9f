/** The difference between two arms on the same problems, paired by problem. */
import type { Rng } from "../../core/rng.ts";
import { type Interval, mean } from "../../core/statistics.ts";
import { bootstrapMean, type OutcomesPS, shareRight, wilsonInterval } from "./accuracy.ts";

export interface Comparison {
  /** Accuracy of the first arm minus that of the second. */
  readonly difference: number;
  readonly ci95: Interval;
  /** Two-sided, of "the arms are equally often right". */
  readonly pValue: number;
  readonly method: "newcombe-mcnemar" | "bootstrap-signflip";
}

const FLIPS = 10_000;

/**
 * One sample a problem: Newcombe's interval for paired proportions (Statistics in Medicine 17:2635, method 10) and McNemar's
 * exact test. Several: percentile bootstrap over problems, and a test that flips the sign of problems' differences.
 * Throws a RangeError when the arms do not have the same number of problems, at least one.
 */
export function compareArms(firstPS: OutcomesPS, secondPS: OutcomesPS, rng: Rng): Comparison {
  if (firstPS.length !== secondPS.length) {
    throw new RangeError(`compareArms: ${firstPS.length} problems against ${secondPS.length}`);
  }
  const firstP = firstPS.map(shareRight);
  const secondP = secondPS.map(shareRight);
  const differencesP = firstP.map((share, problem) => share - (secondP[problem] ?? Number.NaN));
  const difference = mean(differencesP);
  if ([...firstPS, ...secondPS].every((samples) => samples.length === 1)) {
    const table = pairedTable(firstP, secondP);
    return {
      difference,
      ci95: newcombeInterval(table),
      pValue: mcnemarExact(table.onlyFirst, table.onlySecond),
      method: "newcombe-mcnemar",
    };
  }
  return {
    difference,
    ci95: bootstrapMean(differencesP, rng),
    pValue: signFlipTest(differencesP, rng),
    method: "bootstrap-signflip",
  };
}

/** Problems by which of the two arms got them right. */
export interface PairedTable {
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
}

function pairedTable(firstP: readonly number[], secondP: readonly number[]): PairedTable {
  const table = { both: 0, onlyFirst: 0, onlySecond: 0, neither: 0 };
  firstP.forEach((first, problem) => {
    const second = secondP[problem] ?? 0;
    if (first > 0) table[second > 0 ? "both" : "onlyFirst"] += 1;
    else table[second > 0 ? "onlySecond" : "neither"] += 1;
  });
  return table;
}

export function newcombeInterval({ both, onlyFirst, onlySecond, neither }: PairedTable): Interval {
  const total = both + onlyFirst + onlySecond + neither;
  const first = (both + onlyFirst) / total;
  const second = (both + onlySecond) / total;
  const [firstLow, firstHigh] = wilsonInterval(both + onlyFirst, total);
  const [secondLow, secondHigh] = wilsonInterval(both + onlySecond, total);

  const margins = (both + onlyFirst) * (onlySecond + neither) * (both + onlySecond) * (onlyFirst + neither);
  const cross = both * neither - onlyFirst * onlySecond;
  const corrected = cross > 0 ? Math.max(cross - total / 2, 0) : cross;
  const correlation = margins === 0 ? 0 : corrected / Math.sqrt(margins);

  const half = (a: number, b: number): number => Math.sqrt(a * a - 2 * correlation * a * b + b * b);
  const difference = first - second;
  return [
    Math.max(-1, difference - half(first - firstLow, secondHigh - second)),
    Math.min(1, difference + half(firstHigh - first, second - secondLow)),
  ];
}

/** Two-sided exact test on the discordant pairs: twice the smaller binomial tail at one half, at most 1. */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  const discordant = onlyFirst + onlySecond;
  let logTerm = -discordant * Math.LN2;
  let tail = 0;
  for (let count = 0; count <= Math.min(onlyFirst, onlySecond); count++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(discordant - count) - Math.log(count + 1);
  }
  return Math.min(1, 2 * tail);
}

/** The share of random signs that give a mean at least as far from 0 as the observed one, which counts as one of the draws. */
function signFlipTest(differencesP: readonly number[], rng: Rng): number {
  // Sums of shares differ in their last bits by the order of adding: allow for that in "at least as far".
  const seen = Math.abs(differencesP.reduce((sum, value) => sum + value, 0)) - 1e-9;
  let extreme = 1;
  for (let flip = 0; flip < FLIPS; flip++) {
    let sum = 0;
    for (const value of differencesP) sum += rng.next() < 0.5 ? value : -value;
    if (Math.abs(sum) >= seen) extreme += 1;
  }
  return extreme / (FLIPS + 1);
}

/**
 * Holm's step-down adjustment (Scandinavian Journal of Statistics 6:65). Call every adjusted value below alpha a finding: the chance of even one
 * false finding is then at most alpha. The order is that of `pValues`.
 */
export function holmAdjusted(pValues: readonly number[]): number[] {
  const order = pValues.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const adjusted = pValues.map(() => 1);
  let highest = 0;
  for (const [rank, { value, index }] of order.entries()) {
    highest = Math.max(highest, Math.min(1, (pValues.length - rank) * value));
    adjusted[index] = highest;
  }
  return adjusted;
}
