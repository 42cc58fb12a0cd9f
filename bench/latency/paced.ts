/** (2) Predicted against measured at the paced servers of `bench:pipeline`: profiles are measured through our HTTP engine, in turns with the runs. */
import { systemClock } from "../../src/core/clock.ts";
import { createRng } from "../../src/core/rng.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import { profileFrom } from "../../src/latency/build-profile.ts";
import { engineProfileSchema, pairCosts, simulate, type Trace } from "../../src/latency/index.ts";
import { measureEngine, type Measurement } from "../../src/latency/measure.ts";
import { OUR_OPTIONS, type Run, runOurs } from "../pipeline/ours.ts";
import { type Role, startPacedPair } from "../pipeline/paper-pair.ts";
import { runReference } from "../pipeline/reference.ts";
import { readTokenizer, TOKENIZER_FILE, TRACE } from "../pipeline/trace.ts";
import { joined } from "./join.ts";

const PACED_MODES = ["pipelined", "sequential", "reference"] as const;

export interface PacedResult {
  readonly mode: (typeof PACED_MODES)[number];
  readonly measuredMs: readonly number[];
  readonly predictedMs: number;
  /** Predicted over the mean of the measured, less 1. */
  readonly error: number;
  readonly handoffMs: { readonly measured: number; readonly predicted: number };
}

/** The trace that the benchmark's scripts write. */
const TRACE_AS_RECORDED: Trace = {
  promptTokens: TRACE.promptTokens,
  segments: Array.from({ length: TRACE.spans }, (_, span): Trace["segments"] => [
    { author: "small", tokens: TRACE.smallTokens, began: "scheduled", ended: "tag" },
    {
      author: "big",
      tokens: TRACE.spanTokens,
      began: "asked",
      ended: span === TRACE.spans - 1 ? "limit" : "cut",
    },
  ]).flat(),
};

export async function measurePaced(
  rounds: number,
  speedup: number,
  say: (line: string) => void,
): Promise<{ readonly results: readonly PacedResult[]; readonly profiles: unknown }> {
  const tokenizer = await readTokenizer();
  const servers = await startPacedPair("sglang", speedup);
  const urls = { small: servers.small.url, big: servers.big.url };
  const open = (role: Role) =>
    openEngine(`openai:${urls[role]}/v1#${role}?dialect=sglang&template=chatml&tokenizer=${TOKENIZER_FILE}`);
  const pair = { small: await open("small"), big: await open("big") };
  const measurements = { small: [] as Measurement[], big: [] as Measurement[] };
  const runs: Record<(typeof PACED_MODES)[number], Run[]> = { pipelined: [], sequential: [], reference: [] };
  const { signal } = new AbortController();
  let run = 0;
  try {
    for (let round = 0; round < rounds; round++) {
      for (const role of ["small", "big"] as const) {
        measurements[role].push(
          await measureEngine(
            pair[role],
            {
              contexts: [500, 2500],
              rounds: 3,
              decodeTokens: role === "small" ? 64 : 16,
              prefillTokens: [32, 128, 384],
              scoreTokens: role === "small" ? [8, 64] : [],
              temperature: 0,
              maxSeconds: 120,
              seed: round,
            },
            { clock: systemClock, signal },
          ),
        );
      }
      runs.pipelined.push(await runOurs(pair, tokenizer, run++, OUR_OPTIONS.pipelined));
      runs.sequential.push(await runOurs(pair, tokenizer, run++, OUR_OPTIONS.unpipelined));
      runs.reference.push(await runReference(urls, tokenizer, run++, false));
      say(
        `paced, round ${round + 1}: ${PACED_MODES.map((mode) => `${mode} ${((runs[mode].at(-1)?.wallMs ?? 0) / 1000).toFixed(2)} s`).join(", ")}`,
      );
    }
  } finally {
    await Promise.all([pair.small.close(), pair.big.close()]);
    for (const server of Object.values(servers)) server.stop();
  }
  const profileOf = (role: Role) =>
    engineProfileSchema.parse({
      model: `paced ${role}`,
      ...profileFrom(joined(measurements[role]), "median", createRng(1)),
    });
  const profiles = { small: profileOf("small"), big: profileOf("big") };
  const costs = pairCosts(profiles);
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const results = PACED_MODES.map((mode): PacedResult => {
    const predicted = simulate(TRACE_AS_RECORDED, costs, mode);
    const measuredMs = runs[mode].map(({ wallMs }) => wallMs);
    return {
      mode,
      measuredMs,
      predictedMs: predicted.totalMs,
      error: predicted.totalMs / mean(measuredMs) - 1,
      handoffMs: {
        measured: mean(runs[mode].flatMap(({ handoffsMs }) => handoffsMs)),
        predicted: mean(predicted.handoffsMs),
      },
    };
  });
  return { results, profiles };
}
