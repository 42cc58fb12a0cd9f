/** Rounds in which the arms take turns, so that whatever else the machine does falls on all of them; and ratios within rounds. */
import { sleep } from "../../src/core/async.ts";
import { quantile } from "../../src/core/statistics.ts";

export interface RoundOptions {
  readonly rounds: number;
  /** Rounds before the first one, whose results are dropped. Their numbers are negative. Default 0. */
  readonly warmUp?: number;
  /** Waits before each turn, so that the threads of whoever had the last turn go to sleep. Default 0. */
  readonly pauseMs?: number;
  /** Keeps the order of the arms, for an arm that uses what another one made. Otherwise the order rotates with the round. */
  readonly fixedOrder?: boolean;
}

type Arms = Readonly<Record<string, (round: number) => unknown>>;
type Results<Table extends Arms> = { readonly [Name in keyof Table]: Awaited<ReturnType<Table[Name]>>[] };

/** Runs each arm once in every round. Returns each arm's results by round. */
export async function inTurns<Table extends Arms>(
  arms: Table,
  { rounds, warmUp = 0, pauseMs = 0, fixedOrder = false }: RoundOptions,
): Promise<Results<Table>> {
  const names = Object.keys(arms);
  const results = Object.fromEntries(names.map((name) => [name, [] as unknown[]]));
  for (let round = -warmUp; round < rounds; round++) {
    const first = fixedOrder ? 0 : (round + warmUp) % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      if (pauseMs > 0) await sleep(pauseMs);
      const result = await arms[name]!(round);
      if (round >= 0) results[name]!.push(result);
    }
  }
  return results as Results<Table>;
}

/** The median of a list that is not empty. */
export const median = (values: readonly number[]): number => quantile(Float64Array.from(values).sort(), 0.5);

export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  lowest: Math.min(...values),
  highest: Math.max(...values),
});

/** Each round's value over the other's of the same round. */
export const ratiosOf = (values: readonly number[], others: readonly number[]): number[] =>
  values.map((value, round) => value / others[round]!);

export const spreadText = ({ median: middle, lowest, highest }: Spread, digits = 2): string =>
  `${middle.toFixed(digits)} (rounds: ${lowest.toFixed(digits)} to ${highest.toFixed(digits)})`;
