/**
 * (1) Predicted against measured on the shipped pair, in this process: the samples that `eval` solves, one at a time, in turns with the timings of
 * the profiles. Of each sample and of each timing the median of all rounds counts, or the fastest: other work on the machine only ever makes one longer.
 * Two clocks: the wall's, and the processor time of the process, which other work on the machine hardly touches, against the work that
 * is predicted for both models together.
 */
import { type Clock, systemClock } from "../../src/core/clock.ts";
import { createRng } from "../../src/core/rng.ts";
import type { SplitOptionsInput } from "../../src/decode/index.ts";
import { MICRO_PAIR } from "../../src/decode/pair/pair-config.ts";
import { Pair } from "../../src/decode/pair/pair.ts";
import { parseArms } from "../../src/eval/arms/arms.ts";
import { profileFrom, type Typical, typicalOf } from "../../src/latency/build-profile.ts";
import {
  against,
  type AgainstMeasured,
  engineProfileSchema,
  type EngineProfile,
  pairCosts,
  recordedTraceSchema,
  simulate,
  traceOf,
} from "../../src/latency/index.ts";
import { type Beside, measureBeside } from "../../src/latency/measure-beside.ts";
import { measureEngine, type Measurement } from "../../src/latency/measure.ts";
import { sampleSeed } from "../../src/eval/run/runner.ts";
import { createSolver } from "../../src/eval/run/solver.ts";
import { microTask } from "../../src/eval/tasks/micro.ts";
import { joined } from "./join.ts";

const EMBEDDED_MODES = {
  pipelined: {},
  sequential: { streamingPrefill: false, chunks: [64], eagerChunks: false },
} as const satisfies Record<string, SplitOptionsInput>;
type EmbeddedMode = keyof typeof EMBEDDED_MODES;

const cpuClock: Clock = {
  nowMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  isoNow: () => systemClock.isoNow(),
};

const CLOCKS = { wall: systemClock, processor: cpuClock };
type ClockName = keyof typeof CLOCKS;

/** Which arms run in which mode: where nobody hands over, both are the same. */
const ARMS: readonly (readonly [arm: string, mode: EmbeddedMode])[] = [
  ["learned", "pipelined"],
  ["learned", "sequential"],
  ["random:0.2", "pipelined"],
  ["random:0.2", "sequential"],
  ["never", "pipelined"],
  ["big", "pipelined"],
];

interface EmbeddedResult extends AgainstMeasured {
  readonly clock: ClockName;
  readonly arm: string;
  readonly mode: EmbeddedMode;
}

export interface EmbeddedReport {
  readonly results: readonly EmbeddedResult[];
  /** All arms and modes together, by clock. */
  readonly totals: Readonly<Record<ClockName, AgainstMeasured>>;
  readonly profiles: Readonly<Record<ClockName, Readonly<Record<"small" | "big", EngineProfile>>>>;
  readonly rounds: number;
}

export async function measureEmbedded(
  {
    problems: count,
    minutes,
    rounds: most,
    typical,
  }: {
    readonly problems: number;
    readonly minutes: number;
    readonly rounds: number;
    readonly typical: Typical;
  },
  say: (line: string) => void,
): Promise<EmbeddedReport> {
  // By path: compiled benchmarks lie elsewhere than the package.
  const models = { small: "gguf:models/micro/small/model.gguf", big: "gguf:models/micro/big/model.gguf" };
  await using pair = await Pair.open({ ...MICRO_PAIR, ...models }, { threads: 1, sequences: 1 });
  const engines = pair.both;
  const task = microTask;
  const problems = await task.problems(count, 1);
  const { signal } = new AbortController();
  const solvers = Object.fromEntries(
    Object.entries(EMBEDDED_MODES).map(([mode, options]) => [
      mode,
      createSolver({
        task,
        tuned: pair,
        maxTokens: 512,
        sampling: { temperature: 0 },
        dial: {},
        options,
        randomChunk: 32,
      }),
    ]),
  );
  const timed = new Map<string, Record<ClockName, number[]>>();
  const recorded = new Map<string, unknown>();
  const measurements = {
    wall: { small: [] as Measurement[], big: [] as Measurement[] },
    processor: { small: [] as Measurement[], big: [] as Measurement[] },
  };
  const besides = { small: [] as Beside[], big: [] as Beside[] };
  const endMs = systemClock.nowMs() + minutes * 60_000;
  let rounds = 0;
  for (; rounds < most && (rounds < 2 || systemClock.nowMs() < endMs); rounds++) {
    for (const name of ["wall", "processor"] as const) {
      for (const role of ["small", "big"] as const) {
        measurements[name][role].push(
          await measureEngine(
            engines[role],
            {
              contexts: [64, 160, 300],
              rounds: 1,
              decodeTokens: 48,
              prefillTokens: [16, 64, 160],
              scoreTokens: [8, 32],
              temperature: 0,
              maxSeconds: 600,
              seed: rounds,
            },
            { clock: CLOCKS[name], signal },
          ),
        );
      }
    }
    for (const [arm, mode] of ARMS) {
      const [parsed] = parseArms(arm);
      const solve = solvers[mode];
      if (parsed === undefined || solve === undefined) throw new Error(`no arm ${arm}`);
      for (const problem of problems) {
        const key = JSON.stringify([arm, mode, problem.id]);
        const from = { wall: systemClock.nowMs(), processor: cpuClock.nowMs() };
        const share = parsed.policy.kind === "random" ? { share: parsed.policy.share } : {};
        const row = await solve(
          { arm: parsed, problem, seed: sampleSeed(1, problem.id, 0), ...share },
          signal,
        );
        const times = timed.get(key) ?? { wall: [], processor: [] };
        times.wall.push(systemClock.nowMs() - from.wall);
        times.processor.push(cpuClock.nowMs() - from.processor);
        timed.set(key, times);
        recorded.set(key, row);
      }
    }
    if (rounds % 10 === 9) say(`embedded, round ${rounds + 1}`);
  }
  for (const role of ["small", "big"] as const) {
    besides[role].push(
      await measureBeside(
        engines[role],
        engines[role === "small" ? "big" : "small"],
        { rounds: 40, maxSeconds: 60, seed: 1, typical: typicalOf(typical) },
        { clock: systemClock, signal },
      ),
    );
  }
  const profileOf = (name: ClockName, role: "small" | "big"): EngineProfile =>
    engineProfileSchema.parse({
      model: models[role],
      ...profileFrom(joined(measurements[name][role]), typical, createRng(1)),
      cancels: false,
      ...(name === "wall"
        ? { beside: { decode: besides[role][0]?.decode, prefill: besides[role][0]?.prefill } }
        : {}),
    });
  const profilesOf = (name: ClockName) => ({ small: profileOf(name, "small"), big: profileOf(name, "big") });
  const profiles = { wall: profilesOf("wall"), processor: profilesOf("processor") };
  const pairs = (name: ClockName, arm: string, mode: EmbeddedMode) => {
    const costs = pairCosts(profiles[name]);
    return problems.map((problem) => {
      const key = JSON.stringify([arm, mode, problem.id]);
      const { totalMs, busyMs } = simulate(
        traceOf(recordedTraceSchema.parse(recorded.get(key))),
        costs,
        mode,
      );
      return {
        measuredMs: typicalOf(typical)(timed.get(key)?.[name] ?? [NaN]),
        predictedMs: name === "wall" ? totalMs : busyMs.small + busyMs.big,
      };
    });
  };
  const totalOf = (name: ClockName): AgainstMeasured =>
    against(ARMS.flatMap(([arm, mode]) => pairs(name, arm, mode)));
  return {
    results: (["wall", "processor"] as const).flatMap((clock) =>
      ARMS.map(([arm, mode]) => ({ clock, arm, mode, ...against(pairs(clock, arm, mode)) })),
    ),
    totals: { wall: totalOf("wall"), processor: totalOf("processor") },
    profiles,
    rounds,
  };
}
