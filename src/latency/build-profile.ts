/** Makes a profile from timings: speeds with intervals, and the fixed cost of calls. */
import type { Rng } from "../core/rng.ts";
import { mean, median } from "../core/statistics.ts";
import { estimate, type Line, lineThrough, type Timing } from "./estimates.ts";
import type { Measurement, Visit } from "./measure.ts";
import type { EngineProfileInput } from "./profile.ts";

type Speeds = Exclude<EngineProfileInput["decode"], number>;

/**
 * The figure that stands for repeated timings: the median, or the fastest one. The fastest suits a busy machine, since other work only makes
 * timings longer. It has no interval.
 */
export type Typical = "median" | "fastest";

/** Computes the part of a profile that comes from timings. `rng` draws the intervals. */
export function profileFrom(
  { visits, opensMs }: Measurement,
  typical: Typical,
  rng: Rng,
): Pick<EngineProfileInput, "prefill" | "decode" | "score" | "overhead"> {
  const reduce = new Reduction(typicalOf(typical));
  const contexts = [...new Set(visits.map(({ contextTokens }) => contextTokens))].sort((a, b) => a - b);
  const groups = contexts.map((contextTokens) => ({
    contextTokens,
    visits: visits.filter((visit) => visit.contextTokens === contextTokens),
  }));
  const speeds = (
    label: string,
    isTimed: (visit: Visit) => boolean,
    tokenMs: (visits: readonly Visit[]) => number,
  ): Speeds =>
    groups.flatMap(({ contextTokens, visits: here }) => {
      const timed = here.filter(isTimed);
      if (timed.length === 0) return [];
      const { value, ci95 } = estimate(timed, tokenMs, rng.fork(`${label} ${contextTokens}`));
      return [
        {
          contextTokens,
          tokensPerSecond: speedOf(value),
          ...(ci95 === undefined || typical === "fastest"
            ? {}
            : { ci95: [speedOf(ci95[1]), speedOf(ci95[0])] }),
          repeats: timed.length,
        } satisfies Speeds[number],
      ];
    });
  const average = (ofContext: (visits: readonly Visit[]) => number): number =>
    Number(mean(groups.map(({ visits: here }) => Math.max(0, ofContext(here)))).toPrecision(4));
  const hasDecoded = ({ decoded }: Visit): boolean => decoded.tokens > 0;
  const hasScores = ({ scores }: Visit): boolean => scores.length > 0;
  const decodeMs = (here: readonly Visit[]): number => {
    const own = here.filter(hasDecoded);
    return reduce.decodeTokenMs(own.length > 0 ? own : visits.filter(hasDecoded));
  };
  return {
    prefill: speeds(
      "prefill",
      () => true,
      (here) => reduce.prefillLine(here).tokenMs,
    ),
    decode: speeds("decode", hasDecoded, (here) => reduce.decodeTokenMs(here)),
    ...(visits.some(hasScores)
      ? { score: speeds("score", hasScores, (here) => reduce.scoreLine(here).tokenMs) }
      : {}),
    overhead: {
      openMs: Number(reduce.of(opensMs).toPrecision(4)),
      prefillCallMs: average((here) => reduce.prefillLine(here).fixedMs),
      generateCallMs: average((here) => reduce.firstTokenMs(here) - decodeMs(here)),
      scoreCallMs: visits.some(hasScores) ? average((here) => reduce.scoreLine(here).fixedMs) : 0,
    },
  };
}

/** The figure as a function of a list that is not empty. */
export const typicalOf = (typical: Typical): ((values: readonly number[]) => number) =>
  typical === "median" ? median : (values) => Math.min(...values);

const speedOf = (tokenMs: number): number => Number((1000 / tokenMs).toPrecision(6));

class Reduction {
  readonly of: (values: readonly number[]) => number;

  constructor(of: (values: readonly number[]) => number) {
    this.of = of;
  }

  firstTokenMs(visits: readonly Visit[]): number {
    return this.of(visits.map((visit) => visit.firstTokenMs));
  }

  decodeTokenMs(visits: readonly Visit[]): number {
    return this.of(visits.map(({ decoded }) => decoded.ms / decoded.tokens));
  }

  /** The extra time of the first token when more is read before it. The draw itself reads the last of these tokens. */
  prefillLine(visits: readonly Visit[]): Line {
    const withoutReading = this.firstTokenMs(visits);
    const points = this.#points(visits.map(({ reads }) => reads));
    return lineThrough(points.map(({ tokens, ms }) => ({ tokens: tokens - 1, ms: ms - withoutReading })));
  }

  scoreLine(visits: readonly Visit[]): Line {
    return lineThrough(this.#points(visits.map(({ scores }) => scores)));
  }

  /** One timing for each requested number of tokens. The timings may differ from it by a word. */
  #points(timings: readonly (readonly Timing[])[]): Timing[] {
    return (timings[0] ?? []).map((_, index) => {
      const alike = timings.flatMap((list) => list[index] ?? []);
      const tokens = mean(alike.map((timing) => timing.tokens));
      return { tokens, ms: this.of(alike.map((timing) => (timing.ms * tokens) / timing.tokens)) };
    });
  }
}
