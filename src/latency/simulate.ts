/** Predicts the wall-clock of recorded traces under two profiles. */
import type { DecoderTiming, PairCosts, Simulation } from "./simulate-decoder.ts";
import { simulateDecoder } from "./simulate-decoder.ts";
import { simulateReference } from "./simulate-reference.ts";
import { EngineCosts } from "./engine-model.ts";
import { type Mode, PIPELINED, SEQUENTIAL } from "./modes.ts";
import type { EngineProfile } from "./profile.ts";
import type { Trace } from "./trace.ts";

export function pairCosts(profiles: {
  readonly small: EngineProfile;
  readonly big: EngineProfile;
}): PairCosts {
  return { small: new EngineCosts(profiles.small), big: new EngineCosts(profiles.big) };
}

/** @param timing Changes to the timing of the decoder's own modes. */
export function simulate(
  trace: Trace,
  costs: PairCosts,
  mode: Mode,
  timing: Partial<DecoderTiming> = {},
): Simulation {
  switch (mode) {
    case "pipelined":
      return simulateDecoder(trace, costs, { ...PIPELINED, ...timing });
    case "sequential":
      return simulateDecoder(trace, costs, SEQUENTIAL);
    case "reference":
    case "reference-at-once":
      return simulateReference(trace, costs, mode === "reference-at-once");
    case "small-alone":
      return simulateDecoder(aloneBy("small", trace), costs, PIPELINED);
    case "big-alone":
      return simulateDecoder(aloneBy("big", trace), costs, PIPELINED);
    default:
      return mode satisfies never;
  }
}

/** The same number of tokens by one author. */
function aloneBy(author: "small" | "big", { promptTokens, segments }: Trace): Trace {
  const tokens = segments.reduce((sum, segment) => sum + segment.tokens, 0);
  if (tokens === 0) return { promptTokens, segments: [] };
  const ended = segments.at(-1)?.ended === "end-of-turn" ? "end-of-turn" : "limit";
  return { promptTokens, segments: [{ author, tokens, began: "scheduled", ended }] };
}
