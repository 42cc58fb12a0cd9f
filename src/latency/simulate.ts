/** Predicts the wall-clock of recorded traces under two profiles, in each of the ways to run a trace. */
import { splitOptionsSchema } from "../decode/pair/split-options.ts";
import { EngineCosts } from "./engine-model.ts";
import type { EngineProfile } from "./profile.ts";
import { type DecoderTiming, type PairCosts, type Simulation, simulateDecoder } from "./simulate-decoder.ts";
import { simulateReference } from "./simulate-reference.ts";
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

export const MODES = [
  "pipelined",
  "sequential",
  "reference",
  "reference-at-once",
  "small-alone",
  "big-alone",
] as const;
export type Mode = (typeof MODES)[number];

export const MODE_MEANINGS: Readonly<Record<Mode, string>> = {
  pipelined: "our decoder: both prefills beside the other model's decoding",
  sequential: "our decoder without the streaming prefill, chunks of 64 that have to be full",
  reference: "the reference's procedure: 64 big tokens, then 64 prompts of 8 small ones, one after the other",
  "reference-at-once": "the same with its 64 prompts at once, which take as long as one",
  "small-alone": "all of the tokens by the small model",
  "big-alone": "all of the tokens by the big model",
};

const defaults = splitOptionsSchema.parse({});

/** The decoder's own settings. */
const PIPELINED: DecoderTiming = {
  streamingPrefill: true,
  prefillChunk: defaults.prefillChunk,
  chunks: defaults.chunks,
  eagerChunks: defaults.eagerChunks,
};

/** Each model reads only when it has to, the small one 64 tokens at a time. */
const SEQUENTIAL: DecoderTiming = {
  ...PIPELINED,
  streamingPrefill: false,
  chunks: [64],
  eagerChunks: false,
};
