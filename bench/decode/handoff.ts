/** (c) How long a hand-off takes, with the big model reading along and with all of the text read at the hand-off. */
import { textPiece } from "../../src/core/piece.ts";
import { type Policy, SplitDecoder, collect } from "../../src/decode/index.ts";
import { inTurns, median } from "../support/rounds.ts";
import { type BenchModels, SHAPES, digits } from "./models.ts";

export interface Handoff {
  /** Tokens in the context at the hand-off: a prompt of 500, or more where the small model would have to write more than 4,000. */
  readonly contextTokens: number;
  readonly rounds: number;
  /** Medians, from the decision to the big model's first token. */
  readonly withStreamingMs: number;
  readonly withoutStreamingMs: number;
  readonly ratio: number;
  /** Tokens per second of the small model until then: does reading along stall it? */
  readonly smallTokensPerSecondWith: number;
  readonly smallTokensPerSecondWithout: number;
}

const SHORTEST_PROMPT = 500;
const MAX_WRITTEN = 4000;
const BIG_TOKENS = 4;

/** The small model writes `count` tokens, then the big one a few. */
const handOverAfter = (count: number): Policy => ({
  name: "hand-over-after",
  uses: "pair",
  needsTags: false,
  start: () => ({
    next: ({ segments }) =>
      segments.length === 0
        ? { author: "small", reason: "start", tags: "banned", maxTokens: count }
        : { author: "big", reason: "scheduled", close: "never", onEndOfTurn: "finish" },
  }),
});

export async function measureHandoff(
  models: BenchModels,
  { contextTokens, rounds }: { contextTokens: number; rounds: number },
): Promise<Handoff> {
  const contextSize = contextTokens + 64;
  const small = await models.load(SHAPES.small, { contextSize, sequences: 1, exact: false });
  const big = await models.load(SHAPES.big, { contextSize, sequences: 1, exact: false });
  const decoder = new SplitDecoder({ small, big });
  const prompted = Math.max(SHORTEST_PROMPT, contextTokens - MAX_WRITTEN);
  const written = contextTokens - prompted;
  const run = async (streamingPrefill: boolean) => {
    const { timing } = await collect(
      decoder.decode({
        prompt: [textPiece(digits(prompted))],
        policy: handOverAfter(written),
        limits: { maxTokens: written + BIG_TOKENS },
        sampling: { temperature: 0.6, seed: 1 },
        options: { streamingPrefill, bigTimeoutMs: 600_000 },
      }),
    );
    const [handoffMs = NaN] = timing.handoffsMs;
    const writingMs = timing.totalMs - (timing.firstTokenMs ?? 0) - handoffMs;
    return { handoffMs, tokensPerSecond: (written * 1000) / writingMs };
  };
  const streamed = await inTurns({ with: () => run(true), without: () => run(false) }, { rounds });
  await small.close();
  await big.close();
  const withStreamingMs = median(streamed.with.map(({ handoffMs }) => handoffMs));
  const withoutStreamingMs = median(streamed.without.map(({ handoffMs }) => handoffMs));
  return {
    contextTokens,
    rounds,
    withStreamingMs,
    withoutStreamingMs,
    ratio: withoutStreamingMs / withStreamingMs,
    smallTokensPerSecondWith: median(streamed.with.map(({ tokensPerSecond }) => tokensPerSecond)),
    smallTokensPerSecondWithout: median(streamed.without.map(({ tokensPerSecond }) => tokensPerSecond)),
  };
}
