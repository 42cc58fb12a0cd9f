/**
 * `npm run bench:gateway`: what our gateway costs, next to no gateway and to Portkey's, in front of one scripted upstream. Four processes: the
 * upstream, one for each gateway, and this one, which makes the requests. Arms take turns within each round, so that whatever else
 * the machine does falls on all of them; figures are medians of the rounds and ratios within them.
 */
import { parseArgs } from "node:util";

import { readProvenance } from "../src/core/provenance.ts";
import { checkAnswers } from "./gateway/check.ts";
import { type Load, type Memory, measureMemory, measureSpeed, measureTransit } from "./gateway/measure.ts";
import { PORTKEY_VERSION } from "./gateway/portkey.ts";
import { speedCard, summarizeSpeed, summarizeTransit, transitCard } from "./gateway/report.ts";
import { type HeapReport, collectGarbage } from "./gateway/splitreason.ts";
import { ARMS, type Arm, type ArmName, type Endpoint, startSetting } from "./gateway/targets.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    streams: { type: "string", default: "64" },
    tokens: { type: "string", default: "256" },
    "paced-tokens": { type: "string", default: "60" },
    "pace-ms": { type: "string", default: "40" },
    "memory-requests": { type: "string", default: "10000" },
    endpoint: { type: "string", default: "chat,completions" },
    arms: { type: "string", default: ARMS.join(",") },
    only: { type: "string", default: "speed,transit,memory" },
  },
});
const rounds = Number(options.rounds);
const streams = Number(options.streams);
const paceMs = Number(options["pace-ms"]);
const parts = new Set(options.only.split(","));
const names = ARMS.filter((name) => options.arms.split(",").includes(name));
const say = (line: string): void => console.log(line);

/** The order turns with the round: none always follows the same other. */
function* turns(arms: readonly Arm[]): Generator<readonly [round: number, arm: Arm]> {
  for (let round = -1; round < rounds; round++) {
    for (let place = 0; place < arms.length; place++) {
      yield [round, arms[(place + round + arms.length) % arms.length]!];
    }
  }
}

async function measureEndpoint(endpoint: Endpoint): Promise<Record<string, unknown>> {
  const setting = await startSetting(endpoint, names);
  try {
    for (const arm of setting.arms) await checkAnswers(arm.target, 40);
    const result: Record<string, unknown> = { endpoint };
    const load: Load = { streams, requests: streams * 2, tokensPerRequest: Number(options.tokens) };
    if (parts.has("speed")) {
      const speeds = [];
      const gaps = [];
      for (const [round, arm] of turns(setting.arms)) {
        const speed = await measureSpeed(setting, arm, load, false);
        const timed = await measureSpeed(setting, arm, { ...load, requests: streams }, true);
        // The first round only warms up.
        if (round < 0) continue;
        speeds.push(speed);
        gaps.push(timed);
      }
      const summary = summarizeSpeed(speeds, gaps);
      say(
        `\n${endpoint}: ${streams} streams at full speed, ${load.requests} requests of ${load.tokensPerRequest} tokens a round`,
      );
      for (const line of speedCard(summary)) say(line);
      result["speed"] = summary;
    }
    if (parts.has("transit")) {
      const paced: Load = { streams, requests: streams, tokensPerRequest: Number(options["paced-tokens"]) };
      const transits = [];
      for (const [round, arm] of turns(setting.arms)) {
        const transit = await measureTransit(setting, arm, paced, paceMs);
        if (round >= 0) transits.push(transit);
      }
      const summary = summarizeTransit(transits);
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
  const load: Load = { streams, requests: Number(options["memory-requests"]), tokensPerRequest: 16 };
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
for (const endpoint of options.endpoint.split(",")) {
  if (endpoint !== "chat" && endpoint !== "completions") throw new Error(`--endpoint: ${endpoint} is none`);
  results.push(await measureEndpoint(endpoint));
}
const { git, machine } = await readProvenance();
const setup = { rounds, streams, paceMs, arms: names satisfies readonly ArmName[], portkey: PORTKEY_VERSION };
say(JSON.stringify({ benchmark: "gateway", git, machine, ...setup, results }));
