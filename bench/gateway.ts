/**
 * `npm run bench:gateway`: what our gateway costs, compared with no gateway and with Portkey's, in front of one scripted upstream. There
 * are four processes: the upstream, one for each gateway, and this one, which makes the requests. Figures are medians of the rounds,
 * and ratios within rounds.
 */
import { checkAnswers } from "./gateway/check.ts";
import { type Load, type Memory, measureMemory, measureSpeed, measureTransit } from "./gateway/measure.ts";
import { PORTKEY_VERSION } from "./gateway/portkey.ts";
import { speedCard, summarizeSpeed, summarizeTransit, transitCard } from "./gateway/report.ts";
import { type HeapReport, collectGarbage } from "./gateway/splitreason.ts";
import { ARMS, type Arm, type Endpoint, startSetting } from "./gateway/targets.ts";
import { openBenchmark } from "./support/benchmark.ts";
import { amount, count, someOf } from "./support/options.ts";
import { inTurns } from "./support/rounds.ts";

const { options, say, report } = openBenchmark({
  name: "gateway",
  about: "What our gateway costs, next to no gateway and to Portkey's, in front of one scripted upstream.",
  options: {
    rounds: count(5, "rounds of speed and transit"),
    streams: count(64, "streams at the same time"),
    tokens: count(256, "tokens of a request at full speed"),
    pacedTokens: count(60, "tokens of a request at a pace"),
    paceMs: amount(40, "milliseconds between a stream's tokens at a pace"),
    memoryRequests: count(10_000, "requests over which memory is watched"),
    endpoint: someOf(["chat", "completions"], "endpoints"),
    arms: someOf(ARMS, "ways to the upstream"),
    only: someOf(["speed", "transit", "memory"], "parts"),
  },
});
const { rounds, streams, paceMs, arms: names } = options;
const parts = new Set<string>(options.only);

/** Measures each arm in turns. Returns all rounds of the first arm, then those of the next. The first round warms up. */
async function eachArm<T>(arms: readonly Arm[], measure: (arm: Arm) => Promise<T>): Promise<T[]> {
  const table = Object.fromEntries(arms.map((arm) => [arm.name, () => measure(arm)]));
  return Object.values(await inTurns(table, { rounds, warmUp: 1 })).flat();
}

async function measureEndpoint(endpoint: Endpoint): Promise<Record<string, unknown>> {
  const setting = await startSetting(endpoint, names);
  try {
    for (const arm of setting.arms) await checkAnswers(arm.target, 40);
    const result: Record<string, unknown> = { endpoint };
    const load: Load = { streams, requests: streams * 2, tokensPerRequest: options.tokens };
    if (parts.has("speed")) {
      const measured = await eachArm(setting.arms, async (arm) => ({
        speed: await measureSpeed(setting, arm, load, false),
        timed: await measureSpeed(setting, arm, { ...load, requests: streams }, true),
      }));
      const summary = summarizeSpeed(
        measured.map(({ speed }) => speed),
        measured.map(({ timed }) => timed),
      );
      say(
        `\n${endpoint}: ${streams} streams at full speed, ${load.requests} requests of ${load.tokensPerRequest} tokens a round`,
      );
      for (const line of speedCard(summary)) say(line);
      result["speed"] = summary;
    }
    if (parts.has("transit")) {
      const paced: Load = { streams, requests: streams, tokensPerRequest: options.pacedTokens };
      const summary = summarizeTransit(
        await eachArm(setting.arms, (arm) => measureTransit(setting, arm, paced, paceMs)),
      );
      say(
        `\n${endpoint}: ${streams} streams, a token of each every ${paceMs} ms: a token's time from the upstream to the client, µs`,
      );
      for (const line of transitCard(summary)) say(line);
      result["transit"] = summary;
    }
    if (parts.has("memory") && endpoint === "chat") result["memory"] = await measureAllMemory(setting);
    return result;
  } finally {
    await setting.close();
  }
}

interface MemoryResult extends Memory {
  readonly heap?: { readonly before: HeapReport; readonly after: HeapReport };
}

async function measureAllMemory(setting: Awaited<ReturnType<typeof startSetting>>): Promise<MemoryResult[]> {
  const load: Load = { streams, requests: options.memoryRequests, tokensPerRequest: 16 };
  const results: MemoryResult[] = [];
  say(
    `\nmemory over ${load.requests} requests of ${load.tokensPerRequest} tokens, ${streams} at a time, MB resident`,
  );
  for (const arm of setting.arms) {
    if (arm.gateway === undefined) continue;
    const before = arm.name === "splitreason" ? await collectGarbage(arm.gateway) : undefined;
    const memory = await measureMemory(setting, arm, load);
    const after = arm.name === "splitreason" ? await collectGarbage(arm.gateway) : undefined;
    const heap = before === undefined || after === undefined ? {} : { heap: { before, after } };
    results.push({ ...memory, ...heap });
    say(
      `  ${arm.name.padEnd(12)} second fifth ${memory.earlyMb.toFixed(1)}, last fifth ${memory.lateMb.toFixed(1)}, ` +
        `slope after the first fifth ${memory.slopeMbPer1000.toFixed(2)} MB per 1,000 requests` +
        (before === undefined || after === undefined
          ? ""
          : `; live heap ${before.heapMb.toFixed(1)} before, ${after.heapMb.toFixed(1)} after`),
    );
  }
  return results;
}

const results: Record<string, unknown>[] = [];
for (const endpoint of options.endpoint) results.push(await measureEndpoint(endpoint));
await report({ rounds, streams, paceMs, arms: names, portkey: PORTKEY_VERSION, results });
