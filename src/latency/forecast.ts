/** Predicts the times of traces under every mode, summed by arm, and compares them with recorded times. */
import { mean, median } from "../core/statistics.ts";
import { type Mode, pairCosts, simulate } from "./simulate.ts";
import type { EngineProfile } from "./profile.ts";
import type { DecoderTiming, PairCosts, Simulation } from "./simulate-decoder.ts";
import { type RecordedTrace, traceOf } from "./trace.ts";
import { type Cause, CAUSES, type SecondsByCause } from "./virtual-time.ts";

export interface ForecastSettings {
  readonly small: EngineProfile;
  readonly big: EngineProfile;
  readonly modes: readonly Mode[];
  readonly timing?: Partial<DecoderTiming>;
  /** Tokens of the prompt, for recordings that do not say. */
  readonly promptTokens?: number;
  /** The mode in which the traces were recorded, if it is one of these. Recorded times are compared with it. */
  readonly recordedAs: Mode | undefined;
}

/** Prediction against measurement. It only makes sense for samples that ran one at a time, under this mode, on the profiled machines. */
export interface AgainstMeasured {
  readonly traces: number;
  readonly measuredSeconds: number;
  readonly predictedSeconds: number;
  /** Predicted / measured - 1. */
  readonly totalError: number;
  /** Median of |predicted / measured - 1| over traces. */
  readonly medianError: number;
}

export interface ModeForecast {
  readonly mode: Mode;
  /** Sum over the traces. */
  readonly seconds: number;
  readonly secondsByCause: SecondsByCause;
  /** Mean over traces with an output. */
  readonly firstTokenSeconds?: number;
  /** Time from the request to the big model's first token: mean over hand-offs. */
  readonly handoffSeconds?: number;
  /** Tokens that both models wrote and that were discarded. */
  readonly discardedTokens: number;
  readonly busySeconds: { readonly small: number; readonly big: number };
  readonly measured?: AgainstMeasured;
}

export interface ArmForecast {
  /** Absent if the recording names none. */
  readonly arm?: string;
  readonly traces: number;
  readonly smallTokens: number;
  readonly bigTokens: number;
  /** The decode times of the tokens alone: no overlap can be faster. */
  readonly idealSeconds: number;
  readonly modes: readonly ModeForecast[];
}

export interface Forecast {
  readonly arms: readonly ArmForecast[];
  /** Tokens after a longer context than a profile has. Its last speed is used for them. */
  readonly beyondProfile: { readonly small: number; readonly big: number };
}

/** @param onTrace Called after each trace. */
export function forecast(
  traces: readonly RecordedTrace[],
  settings: ForecastSettings,
  onTrace: () => void = () => {},
): Forecast {
  const costs = pairCosts(settings);
  const names = [...new Set(traces.map(({ arm }) => arm))];
  const beyond = { small: 0, big: 0 };
  return {
    arms: names.map((name) => {
      const own = traces.filter(({ arm }) => arm === name);
      const runs = own.map((recorded) => {
        const trace = traceOf(recorded, settings.promptTokens);
        const simulations = settings.modes.map((mode) => simulate(trace, costs, mode, settings.timing));
        onTrace();
        const tokens = trace.segments.reduce((sum, segment) => sum + segment.tokens, trace.promptTokens);
        beyond.small += Math.max(0, tokens - costs.small.decode.longestContext);
        beyond.big += Math.max(0, tokens - costs.big.decode.longestContext);
        return { recorded, trace, simulations };
      });
      const tokensOf = (author: "small" | "big"): number =>
        runs.reduce(
          (sum, { trace }) =>
            sum + trace.segments.reduce((own, one) => own + (one.author === author ? one.tokens : 0), 0),
          0,
        );
      return {
        ...(name === undefined ? {} : { arm: name }),
        traces: own.length,
        smallTokens: tokensOf("small"),
        bigTokens: tokensOf("big"),
        idealSeconds:
          runs.reduce((sum, { trace }) => sum + idealMs(trace.promptTokens, trace.segments, costs), 0) / 1000,
        modes: settings.modes.map((mode, index) =>
          summarizeMode(
            mode,
            mode === settings.recordedAs,
            runs.flatMap(({ recorded, simulations }) => {
              const simulation = simulations[index];
              return simulation === undefined ? [] : [{ recorded, simulation }];
            }),
          ),
        ),
      };
    }),
    beyondProfile: beyond,
  };
}

/** The decode times of a trace's tokens at their positions. */
function idealMs(
  promptTokens: number,
  segments: readonly { readonly author: "small" | "big"; readonly tokens: number }[],
  costs: PairCosts,
): number {
  let [position, ms] = [promptTokens, 0];
  for (const { author, tokens } of segments) {
    ms += costs[author].decode.milliseconds(position, tokens);
    position += tokens;
  }
  return ms;
}

function summarizeMode(
  mode: Mode,
  isRecorded: boolean,
  runs: readonly { readonly recorded: RecordedTrace; readonly simulation: Simulation }[],
): ModeForecast {
  const sum = (pick: (simulation: Simulation) => number): number =>
    runs.reduce((total, { simulation }) => total + pick(simulation), 0);
  const seconds = (pick: (simulation: Simulation) => number): number => sum(pick) / 1000;
  const firsts = runs.flatMap(({ simulation }) => simulation.firstTokenMs ?? []);
  const handoffs = runs.flatMap(({ simulation }) => simulation.handoffsMs);
  const measured = runs.flatMap(({ recorded: { wallMs }, simulation }) =>
    !isRecorded || wallMs === undefined || wallMs === 0
      ? []
      : [{ measuredMs: wallMs, predictedMs: simulation.totalMs }],
  );
  return {
    mode,
    seconds: seconds(({ totalMs }) => totalMs),
    secondsByCause: Object.fromEntries(
      CAUSES.map((cause) => [cause, seconds(({ msByCause }) => msByCause[cause])]),
    ) as Record<Cause, number>,
    ...(firsts.length === 0 ? {} : { firstTokenSeconds: mean(firsts) / 1000 }),
    ...(handoffs.length === 0 ? {} : { handoffSeconds: mean(handoffs) / 1000 }),
    discardedTokens: sum(({ work }) => work.small.discarded + work.big.discarded),
    busySeconds: { small: seconds(({ busyMs }) => busyMs.small), big: seconds(({ busyMs }) => busyMs.big) },
    ...(measured.length === 0 ? {} : { measured: against(measured) }),
  };
}

/** Compares predictions with measurements of the same runs. The list is not empty. */
export function against(
  runs: readonly { readonly measuredMs: number; readonly predictedMs: number }[],
): AgainstMeasured {
  const measuredMs = runs.reduce((sum, run) => sum + run.measuredMs, 0);
  const predictedMs = runs.reduce((sum, run) => sum + run.predictedMs, 0);
  const errors = runs.map((run) => Math.abs(run.predictedMs / run.measuredMs - 1));
  return {
    traces: runs.length,
    measuredSeconds: measuredMs / 1000,
    predictedSeconds: predictedMs / 1000,
    totalError: predictedMs / measuredMs - 1,
    medianError: median(errors),
  };
}
