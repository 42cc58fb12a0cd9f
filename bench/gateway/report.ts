/** From rounds to medians, ratios within rounds, and lines for people. */
import { median, ratiosOf, spreadOf } from "../support/rounds.ts";
import type { Speed, Transit } from "./measure.ts";
import { ARMS, type ArmName } from "./targets.ts";

export interface SpeedSummary {
  readonly arm: ArmName;
  readonly tokensPerSecond: number;
  /** To each other arm: median of the rounds' ratios, with the lowest and the highest. */
  readonly ratioTo: Partial<Record<ArmName, readonly [median: number, low: number, high: number]>>;
  readonly upstreamCpuUs: number | undefined;
  readonly gatewayCpuUs: number | undefined;
  readonly generatorCpuUs: number;
  readonly upstreamBusy: number | undefined;
  readonly gatewayBusy: number | undefined;
  readonly generatorBusy: number;
  /** Between a stream's tokens, at full speed. */
  readonly gapP50Us: number;
  readonly gapP99Us: number;
  readonly bytesPerToken: number;
  readonly rounds: readonly number[];
}

export function summarizeSpeed(speeds: readonly Speed[], timed: readonly Speed[]): SpeedSummary[] {
  const rates = byArm(speeds, ({ tokensPerSecond }) => tokensPerSecond);
  return present(speeds).map((arm) => {
    const own = speeds.filter((speed) => speed.arm === arm);
    const ownTimed = timed.filter((speed) => speed.arm === arm);
    const middle = (list: readonly Speed[], of: (speed: Speed) => number | undefined): number | undefined => {
      const values = list.map(of).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : median(values);
    };
    return {
      arm,
      tokensPerSecond: median(rates[arm] ?? []),
      ratioTo: ratiosTo(arm, rates),
      upstreamCpuUs: middle(own, (speed) => speed.upstreamCpuUs),
      gatewayCpuUs: middle(own, (speed) => speed.gatewayCpuUs),
      generatorCpuUs: median(own.map((speed) => speed.generatorCpuUs)),
      upstreamBusy: middle(own, (speed) => speed.upstreamBusy),
      gatewayBusy: middle(own, (speed) => speed.gatewayBusy),
      generatorBusy: median(own.map((speed) => speed.generatorBusy)),
      gapP50Us: median(ownTimed.map((speed) => speed.gapP50Us)),
      gapP99Us: median(ownTimed.map((speed) => speed.gapP99Us)),
      bytesPerToken: median(own.map((speed) => speed.bytesPerToken)),
      rounds: rates[arm] ?? [],
    };
  });
}

function ratiosTo(arm: ArmName, rates: Partial<Record<ArmName, readonly number[]>>): SpeedSummary["ratioTo"] {
  const own = rates[arm] ?? [];
  const ratios: Partial<Record<ArmName, readonly [number, number, number]>> = {};
  for (const other of ARMS) {
    const theirs = rates[other];
    if (other === arm || theirs === undefined) continue;
    const { median: middle, lowest, highest } = spreadOf(ratiosOf(own, theirs));
    ratios[other] = [middle, lowest, highest];
  }
  return ratios;
}

export function* speedCard(summaries: readonly SpeedSummary[]): Generator<string> {
  yield "  arm           tokens/s   of direct            of Portkey           CPU µs a token (upstream, gateway, client)   busy cores           gap p50 / p99 µs   bytes a token";
  for (const one of summaries) {
    const ratio = (to: ArmName): string => {
      const found = one.ratioTo[to];
      if (found === undefined) return "".padEnd(21);
      const [middle, low, high] = found;
      return `${middle.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`.padEnd(21);
    };
    const cpu = [one.upstreamCpuUs, one.gatewayCpuUs, one.generatorCpuUs]
      .map((us) => figure(us, 1))
      .join(", ");
    const busy = [one.upstreamBusy, one.gatewayBusy, one.generatorBusy]
      .map((share) => figure(share, 2))
      .join(", ");
    yield (
      `  ${one.arm.padEnd(12)}${Math.round(one.tokensPerSecond).toLocaleString("en").padStart(10)}   ` +
      `${ratio("direct")}${ratio("portkey")}${cpu.padEnd(45)}${busy.padEnd(21)}` +
      `${Math.round(one.gapP50Us)} / ${Math.round(one.gapP99Us)}`
    );
  }
}

export interface TransitSummary {
  readonly arm: ArmName;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Over the upstream itself: medians of the rounds' differences. */
  readonly addedP50Us: number | undefined;
  readonly addedP99Us: number | undefined;
  readonly gapP50Us: number;
  readonly gapP99Us: number;
}

export function summarizeTransit(transits: readonly Transit[]): TransitSummary[] {
  const p50 = byArm(transits, ({ p50Us }) => p50Us);
  const p99 = byArm(transits, ({ p99Us }) => p99Us);
  const added = (arm: ArmName, values: Partial<Record<ArmName, readonly number[]>>): number | undefined => {
    const { direct } = values;
    if (direct === undefined || arm === "direct") return undefined;
    return median((values[arm] ?? []).map((value, round) => value - direct[round]!));
  };
  return present(transits).map((arm) => {
    const own = transits.filter((transit) => transit.arm === arm);
    return {
      arm,
      p50Us: median(p50[arm] ?? []),
      p99Us: median(p99[arm] ?? []),
      addedP50Us: added(arm, p50),
      addedP99Us: added(arm, p99),
      gapP50Us: median(own.map(({ gapP50Us }) => gapP50Us)),
      gapP99Us: median(own.map(({ gapP99Us }) => gapP99Us)),
    };
  });
}

export function* transitCard(summaries: readonly TransitSummary[]): Generator<string> {
  yield "  arm               p50      p99   added p50   added p99   gap p50 / p99 µs";
  for (const one of summaries) {
    yield (
      `  ${one.arm.padEnd(12)}${figure(one.p50Us, 0).padStart(9)}${figure(one.p99Us, 0).padStart(9)}` +
      `${figure(one.addedP50Us, 0).padStart(12)}${figure(one.addedP99Us, 0).padStart(12)}   ` +
      `${figure(one.gapP50Us, 0)} / ${figure(one.gapP99Us, 0)}`
    );
  }
}

const figure = (value: number | undefined, digits: number): string =>
  value === undefined ? "-" : value.toFixed(digits);

function present(list: readonly { readonly arm: ArmName }[]): ArmName[] {
  return ARMS.filter((arm) => list.some((one) => one.arm === arm));
}

function byArm<T extends { readonly arm: ArmName }>(
  list: readonly T[],
  of: (one: T) => number,
): Partial<Record<ArmName, readonly number[]>> {
  return Object.fromEntries(present(list).map((arm) => [arm, list.filter((one) => one.arm === arm).map(of)]));
}
