/** Measures an arm: its speed, the time that a token takes from upstream to client, and memory. */
import { sleep } from "../../src/core/async.ts";
import { quantile } from "../../src/core/statistics.ts";
import { median } from "../support/rounds.ts";
import { type LoadResult, runLoad } from "./load.ts";
import { readCost } from "./processes.ts";
import type { Arm, ArmName, Setting } from "./targets.ts";
import type { Order } from "./upstream-process.ts";

export interface Speed {
  readonly arm: ArmName;
  readonly tokensPerSecond: number;
  /** CPU time (all threads) for each token, in microseconds; undefined where the system does not tell. */
  readonly upstreamCpuUs: number | undefined;
  readonly gatewayCpuUs: number | undefined;
  readonly generatorCpuUs: number;
  /** Share of one core that each process used. A process well below 1 was not the bottleneck. */
  readonly upstreamBusy: number | undefined;
  readonly gatewayBusy: number | undefined;
  readonly generatorBusy: number;
  readonly gapP50Us: number;
  readonly gapP99Us: number;
  /** At the client: a gateway that puts tokens which came together into one event sends fewer. */
  readonly bytesPerToken: number;
}

export interface Transit {
  readonly arm: ArmName;
  /** From the upstream's writing of a token to its arrival at the client. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly gapP50Us: number;
  readonly gapP99Us: number;
  readonly tokens: number;
}

export interface Load {
  readonly streams: number;
  readonly requests: number;
  readonly tokensPerRequest: number;
}

/** All streams at full speed. */
export async function measureSpeed(setting: Setting, arm: Arm, load: Load, timing: boolean): Promise<Speed> {
  order(setting, { paceMs: 0 });
  const before = await costs(setting, arm);
  const own = process.cpuUsage();
  const result = await runLoad(arm.target, { ...load, timing });
  const used = process.cpuUsage(own);
  const after = await costs(setting, arm);
  const cpu = (from: number | undefined, to: number | undefined): number | undefined =>
    from === undefined || to === undefined ? undefined : to - from;
  const upstream = cpu(before.upstream, after.upstream);
  const gateway = cpu(before.gateway, after.gateway);
  const generator = (used.user + used.system) / 1000;
  const each = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : (ms * 1000) / result.tokens;
  const busy = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : ms / result.wallMs;
  const gaps = timing ? quantiles(result.gapsUs) : { p50: Number.NaN, p99: Number.NaN };
  return {
    arm: arm.name,
    tokensPerSecond: (result.tokens * 1000) / result.wallMs,
    upstreamCpuUs: each(upstream),
    gatewayCpuUs: each(gateway),
    generatorCpuUs: (generator * 1000) / result.tokens,
    upstreamBusy: busy(upstream),
    gatewayBusy: busy(gateway),
    generatorBusy: generator / result.wallMs,
    gapP50Us: gaps.p50,
    gapP99Us: gaps.p99,
    bytesPerToken: result.bytes / result.tokens,
  };
}

/** All streams at a pace that leaves every process room, so that the transit time has no queue in it. */
export async function measureTransit(
  setting: Setting,
  arm: Arm,
  load: Load,
  paceMs: number,
): Promise<Transit> {
  order(setting, { paceMs });
  await sleep(20);
  let result: LoadResult;
  try {
    result = await runLoad(arm.target, { ...load, timing: true });
  } finally {
    order(setting, { paceMs: 0 });
  }
  const way = quantiles(result.transitUs);
  const gaps = quantiles(result.gapsUs);
  return {
    arm: arm.name,
    p50Us: way.p50,
    p99Us: way.p99,
    gapP50Us: gaps.p50,
    gapP99Us: gaps.p99,
    tokens: result.tokens,
  };
}

interface MemorySample {
  readonly requests: number;
  readonly residentMb: number;
}

export interface Memory {
  readonly arm: ArmName;
  readonly samples: readonly MemorySample[];
  /** Least squares over the samples after the first fifth of the requests, per 1,000 requests. */
  readonly slopeMbPer1000: number;
  /** Medians of the second and of the last fifth. */
  readonly earlyMb: number;
  readonly lateMb: number;
  readonly wallMs: number;
}

/** Many short requests, the gateway's resident memory noted on the way. */
export async function measureMemory(setting: Setting, arm: Arm, load: Load): Promise<Memory> {
  order(setting, { paceMs: 0 });
  const samples: MemorySample[] = [];
  const every = Math.max(1, Math.floor(load.requests / 100));
  const pending: Promise<void>[] = [];
  const sample = async (requests: number): Promise<void> => {
    const cost = arm.gateway === undefined ? undefined : await readCost(arm.gateway.process);
    if (cost !== undefined) samples.push({ requests, residentMb: cost.residentMb });
  };
  const { wallMs } = await runLoad(arm.target, {
    ...load,
    onRequest: (done) => {
      if (done % every === 0) pending.push(sample(done));
    },
  });
  await Promise.all(pending);
  samples.sort((left, right) => left.requests - right.requests);
  const part = (from: number, to: number): MemorySample[] =>
    samples.filter(({ requests }) => requests > from * load.requests && requests <= to * load.requests);
  const middle = (list: readonly MemorySample[]): number =>
    list.length === 0 ? Number.NaN : median(list.map(({ residentMb }) => residentMb));
  return {
    arm: arm.name,
    samples,
    slopeMbPer1000: slope(part(0.2, 1)) * 1000,
    earlyMb: middle(part(0.2, 0.4)),
    lateMb: middle(part(0.8, 1)),
    wallMs,
  };
}

function slope(samples: readonly MemorySample[]): number {
  const mean = (of: (sample: MemorySample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const x = mean(({ requests }) => requests);
  const y = mean(({ residentMb }) => residentMb);
  const covariance = mean(({ requests, residentMb }) => (requests - x) * (residentMb - y));
  return covariance / mean(({ requests }) => (requests - x) ** 2);
}

function quantiles(values: readonly number[]): { readonly p50: number; readonly p99: number } {
  const sorted = Float64Array.from(values).sort();
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

function order(setting: Setting, what: Order): void {
  setting.upstream.process.send(what);
}

async function costs(
  setting: Setting,
  arm: Arm,
): Promise<{ readonly upstream?: number; readonly gateway?: number }> {
  const upstream = await readCost(setting.upstream.process);
  const gateway = arm.gateway === undefined ? undefined : await readCost(arm.gateway.process);
  return {
    ...(upstream === undefined ? {} : { upstream: upstream.cpuMs }),
    ...(gateway === undefined ? {} : { gateway: gateway.cpuMs }),
  };
}
