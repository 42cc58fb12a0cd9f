/** Figures over seeds: each problem once a seed, intervals clustered by problem. */
import { createRng } from "../../src/core/rng.ts";
import type { Interval } from "../../src/core/statistics.ts";
import { accuracyOf, type OutcomesPS } from "../../src/eval/statistics/accuracy.ts";
import { compareArms } from "../../src/eval/statistics/comparison.ts";
import type { ArmOutcome, SeedFigures } from "./evaluate.ts";

export interface PooledArm {
  readonly name: string;
  readonly accuracy: number;
  readonly ci95: Interval;
  readonly share: number;
  readonly accuracyOfSeeds: readonly number[];
  readonly shareOfSeeds: readonly number[];
  /** `ours, learned` minus this arm, paired by problem. */
  readonly behind?: { readonly difference: number; readonly ci95: Interval; readonly pValue: number };
}

const armsOf = (perSeed: readonly SeedFigures[], name: string): ArmOutcome[] =>
  perSeed.flatMap(({ arms }) => arms.filter((arm) => arm.name === name));

function outcomesOf(perSeed: readonly SeedFigures[], name: string): OutcomesPS {
  const seeds = armsOf(perSeed, name).map(({ correctP }) => correctP);
  return (seeds[0] ?? []).map((_, problem) => seeds.map((correctP) => correctP[problem] ?? false));
}

const OURS = "ours, learned";

export function pool(perSeed: readonly SeedFigures[]): PooledArm[] {
  const names = [...new Set(perSeed.flatMap(({ arms }) => arms.map(({ name }) => name)))];
  return names.map((name) => {
    const arms = armsOf(perSeed, name);
    const { value, ci95 } = accuracyOf(outcomesOf(perSeed, name), createRng(1).fork(name));
    const tokens = arms.reduce((sum, arm) => sum + arm.smallTokens + arm.bigTokens, 0);
    // Only seeds that have both arms.
    const trained = perSeed.filter((seed) =>
      [OURS, name].every((wanted) => seed.arms.some((arm) => arm.name === wanted)),
    );
    const behind =
      name === OURS || trained.length === 0
        ? undefined
        : compareArms(
            outcomesOf(trained, OURS),
            outcomesOf(trained, name),
            createRng(1).fork(`behind ${name}`),
          );
    return {
      name,
      accuracy: value,
      ci95,
      share: arms.reduce((sum, arm) => sum + arm.bigTokens, 0) / tokens,
      accuracyOfSeeds: arms.map(({ correctP }) => correctP.filter(Boolean).length / correctP.length),
      shareOfSeeds: arms.map((arm) => arm.bigTokens / (arm.smallTokens + arm.bigTokens)),
      ...(behind === undefined
        ? {}
        : {
            behind: {
              difference: behind.difference,
              ci95: behind.ci95,
              pValue: behind.pValue,
            },
          }),
    };
  });
}

const percent = (value: number): string => (100 * value).toFixed(1);

/** A table in Markdown. */
export function formatFigures(pooled: readonly PooledArm[], perSeed: readonly SeedFigures[]): string {
  const rows = pooled.map(
    ({ name, accuracy, ci95, share, accuracyOfSeeds, behind }) =>
      `| ${name} | ${percent(accuracy)} [${percent(ci95[0])}, ${percent(ci95[1])}] | ${(100 * share).toFixed(2)} | ${accuracyOfSeeds.map(percent).join(", ")} | ${behind === undefined ? "" : `+${percent(behind.difference)} [${percent(behind.ci95[0])}, ${percent(behind.ci95[1])}]`} |`,
  );
  return [
    `| arm | right % [95%] | share % | of each of ${perSeed.length} seeds | ours ahead by |`,
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}
