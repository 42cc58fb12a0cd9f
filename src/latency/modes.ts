/** The ways to run a trace that the simulator can predict. */
import { splitOptionsSchema } from "../decode/pair/split-options.ts";
import type { DecoderTiming } from "./simulate-decoder.ts";

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
export const PIPELINED: DecoderTiming = {
  streamingPrefill: true,
  prefillChunk: defaults.prefillChunk,
  chunks: defaults.chunks,
  eagerChunks: defaults.eagerChunks,
};

/** Each model reads only when it has to, the small one 64 tokens at a time. */
export const SEQUENTIAL: DecoderTiming = {
  ...PIPELINED,
  streamingPrefill: false,
  chunks: [64],
  eagerChunks: false,
};
