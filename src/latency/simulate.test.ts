/** Compares the simulator with arithmetic by hand and with the work that the real decoder counts, and checks its invariants. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { controlPiece } from "../core/piece.ts";
import { collect, learned, SplitDecoder, type SplitOptionsInput } from "../decode/index.ts";
import { ScriptedEngine, testTokenizer } from "../engines/scripted/index.ts";
import { MODES, pairCosts, simulate } from "./simulate.ts";
import { type EngineProfileInput, engineProfileSchema } from "./profile.ts";
import { type DecoderTiming, simulateDecoder } from "./simulate-decoder.ts";
import type { Trace, TraceSegment } from "./trace.ts";
import { CAUSES } from "./virtual-time.ts";

const costsOf = (small: EngineProfileInput, big: EngineProfileInput) =>
  pairCosts({ small: engineProfileSchema.parse(small), big: engineProfileSchema.parse(big) });

/** Asked for and cut, each span. */
function askedTrace(promptTokens: number, spans: readonly (readonly [own: number, other: number])[]): Trace {
  return {
    promptTokens,
    segments: spans.flatMap(([own, other], index): TraceSegment[] => [
      { author: "small", tokens: own, began: "scheduled", ended: "tag" },
      {
        author: "big",
        tokens: other,
        began: "asked",
        ended: index === spans.length - 1 ? "limit" : "cut",
      },
    ]),
  };
}

/** Instant. */
const NOTHING = 1e12;

describe("simulate", () => {
  it("adds decode times where reading costs nothing", () => {
    const costs = costsOf({ prefill: NOTHING, decode: 100 }, { prefill: NOTHING, decode: 10 });
    const trace: Trace = {
      promptTokens: 50,
      segments: [
        { author: "small", tokens: 20, began: "scheduled", ended: "tag" },
        { author: "big", tokens: 5, began: "asked", ended: "cut" },
        { author: "small", tokens: 10, began: "scheduled", ended: "end-of-turn" },
      ],
    };
    // 30 tokens, the tag and the end of the turn by the small model; 5 by the big one, read one by one as they come.
    const found = simulate(trace, costs, "pipelined");
    expect(found.totalMs).toBeCloseTo(320 + 500, 3);
    expect(found.firstTokenMs).toBeCloseTo(10, 3);
    expect(found.handoffsMs).toHaveLength(1);
    expect(found.handoffsMs[0]).toBeCloseTo(100, 3);
    expect(found.msByCause).toMatchObject({
      smallDecode: expect.closeTo(320, 3),
      bigDecode: expect.closeTo(500, 3),
    });
    // In chunks of 64 that have to be full it writes 59 tokens in vain.
    const sequential = simulate(trace, costs, "sequential");
    expect(sequential.totalMs).toBeCloseTo(320 + 6400, 2);
    expect(sequential.work.big.discarded).toBeGreaterThanOrEqual(59);
    // One more token is drawn to end the turn.
    expect(simulate(trace, costs, "small-alone").totalMs).toBeCloseTo(360, 3);
    expect(simulate(trace, costs, "big-alone").totalMs).toBeCloseTo(3600, 3);
  });

  it("lets the big model read while the small one writes, so that only the rest is read at the hand-off", () => {
    const costs = costsOf({ prefill: NOTHING, decode: 100 }, { prefill: 1000, decode: 10 });
    const trace = askedTrace(1, [[100, 5]]);
    // 64 tokens are read along; 37 with the prompt's one, of which the last waits for the draw, at the hand-off.
    expect(simulate(trace, costs, "pipelined").msByCause.handoffPrefill).toBeCloseTo(36, 1);
    expect(simulate(trace, costs, "sequential").msByCause.handoffPrefill).toBeCloseTo(100, 1);
  });

  it("waits for a streaming prefill that cannot keep up", () => {
    // 100 tokens a second are written and 50 read: after 640 tokens half of them are read.
    const costs = costsOf({ prefill: NOTHING, decode: 100 }, { prefill: 50, decode: 10 });
    const { msByCause, handoffsMs } = simulate(askedTrace(1, [[640, 5]]), costs, "pipelined");
    // Reading begins when the first 64 are there, 640 ms after the start, and takes 20 ms a token.
    expect(msByCause.handoffPrefill).toBeCloseTo(640 + 640 * 20 - 6410, -2);
    expect(handoffsMs[0]).toBeCloseTo(msByCause.handoffPrefill + 100, 3);
  });

  it("counts what calls cost, and time while machines get in each other's way", () => {
    const small = { prefill: NOTHING, decode: 100, overhead: { generateCallMs: 7, openMs: 3 } };
    const { msByCause, totalMs } = simulate(
      { promptTokens: 9, segments: [{ author: "small", tokens: 10, began: "scheduled", ended: "limit" }] },
      costsOf(small, { prefill: 1, decode: 1 }),
      "pipelined",
    );
    expect(msByCause.overhead).toBeCloseTo(10, 6);
    expect(totalMs).toBeCloseTo(110, 3);
    // The big model reads its prompt for 0.99 s beside the small one, which then takes twice as long.
    const shared = costsOf(
      { prefill: NOTHING, decode: 100, beside: { decode: 2 } },
      { prefill: 100, decode: NOTHING },
    );
    const beside = simulate(askedTrace(100, [[100, 1]]), shared, "pipelined");
    // 50 tokens meanwhile, and 51 with the tag at full speed, but for the 64 that the big model reads along then: 0.64 s, in which 32 are written.
    expect(beside.msByCause.smallDecode).toBeGreaterThan(990 + 510);
  });

  it("counts what a refused tag costs: its draw and two calls more", () => {
    const small = { prefill: NOTHING, decode: 100, overhead: { generateCallMs: 7 } };
    const costs = costsOf(small, { prefill: NOTHING, decode: 1 });
    const segments: TraceSegment[] = [
      { author: "small", tokens: 30, began: "scheduled", ended: "tag" },
      { author: "small", tokens: 20, began: "scheduled", ended: "end-of-turn" },
    ];
    const without = simulate({ promptTokens: 9, segments }, costs, "pipelined");
    expect(without.totalMs).toBeCloseTo(52 * 10 + 2 * 7, 3);
    const refused = simulate({ promptTokens: 9, segments, refusedTags: 3 }, costs, "pipelined");
    expect(refused.totalMs - without.totalMs).toBeCloseTo(3 * (10 + 2 * 7), 3);
    for (const refusedTags of [1, 3, 14, 40, 67]) {
      const { work } = simulate({ promptTokens: 9, segments, refusedTags }, costs, "pipelined");
      expect(work.small.decoded - without.work.small.decoded).toBe(refusedTags);
    }
  });

  it("does the reference's procedure call by call", () => {
    const costs = costsOf({ prefill: NOTHING, decode: 100 }, { prefill: NOTHING, decode: 10 });
    const trace = askedTrace(10, [
      [20, 70],
      [5, 1],
    ]);
    const found = simulate(trace, costs, "reference");
    // Two chunks of 64 and 64 probes of 8 tokens each after them; the last span ends by itself after one token.
    expect(found.work.big.decoded).toBe(129);
    expect(found.work.small.decoded).toBe(25 + 2 + 129 * 8);
    expect(found.totalMs).toBeCloseTo((27 + 129 * 8) * 10 + 12_900, 2);
    const atOnce = simulate(trace, costs, "reference-at-once");
    expect(atOnce.totalMs).toBeCloseTo((27 + 3 * 8) * 10 + 12_900, 2);
    expect(atOnce.work.small.decoded).toBe(found.work.small.decoded);
  });

  it("reproduces the work that was counted at paced servers", () => {
    const costs = costsOf({ prefill: 28_721, decode: 145 }, { prefill: 3045, decode: 16.4 });
    const spans = Array.from({ length: 10 }, (): TraceSegment[] => [
      { author: "small", tokens: 380, began: "scheduled", ended: "tag" },
      { author: "big", tokens: 20, began: "asked", ended: "cut" },
    ]).flat();
    const { work } = simulate({ promptTokens: 100, segments: spans }, costs, "reference");
    // docs/results.md, counted by the servers.
    expect(work.small.decoded).toBe(8930);
    expect(work.small.discarded).toBe(5120);
    expect(work.big.decoded).toBe(640);
    expect(work.big.discarded).toBe(440);
  });

  it("accounts for all time and every token, whatever the trace and the speeds", () => {
    const speed = fc.double({ min: 1, max: 1e5, noNaN: true });
    const profile = fc.record({
      prefill: speed,
      decode: speed,
      overhead: fc.record({
        generateCallMs: fc.integer({ min: 0, max: 50 }),
        scoreCallMs: fc.integer({ min: 0, max: 50 }),
      }),
      beside: fc.record({ decode: fc.double({ min: 1, max: 3, noNaN: true }) }),
      cancels: fc.boolean(),
    });
    const segment = fc.record({
      author: fc.constantFrom("small" as const, "big" as const),
      tokens: fc.integer({ min: 1, max: 200 }),
      began: fc.constantFrom("asked" as const, "scheduled" as const),
      ended: fc.constantFrom("tag" as const, "cut" as const, "limit" as const, "end-of-turn" as const),
    });
    fc.assert(
      fc.property(
        profile,
        profile,
        fc.array(segment, { maxLength: 8 }),
        fc.nat(300),
        (small, big, segments, prompt) => {
          const costs = costsOf(small, big);
          const own = (author: string): number =>
            segments.reduce((sum, one) => sum + (one.author === author ? one.tokens : 0), 0);
          for (const mode of MODES) {
            const { totalMs, msByCause, work } = simulate({ promptTokens: prompt, segments }, costs, mode);
            const sum = CAUSES.reduce((total, cause) => total + msByCause[cause], 0);
            expect(sum).toBeCloseTo(totalMs, 4);
            expect(Number.isFinite(totalMs)).toBe(true);
            if (mode !== "small-alone" && mode !== "big-alone") {
              expect(work.big.decoded - work.big.discarded).toBeGreaterThanOrEqual(own("big"));
              expect(work.small.decoded - work.small.discarded).toBeGreaterThanOrEqual(own("small"));
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("against the real decoder", () => {
  const tokenizer = testTokenizer();
  const [open = -1, close = -1, endOfTurn = -1, letter = -1] = tokenizer.encode([
    controlPiece("<bigmodel></bigmodel><|im_end|>a"),
  ]) as readonly number[];

  /** Asks after `own` tokens, takes the pen back after `other`, and ends the turn after the last span. */
  function smallEngine(spans: readonly (readonly [number, number])[], promptTokens: number): ScriptedEngine {
    return new ScriptedEngine({
      tokenizer,
      next: ({ ids }) => {
        const logits = new Float64Array(tokenizer.size).fill(-50);
        let [at, span, isOpen] = [0, 0, false];
        for (const token of ids.slice(promptTokens)) {
          if ((token as number) === open) [at, isOpen] = [0, true];
          else if ((token as number) === close) [at, isOpen, span] = [0, false, span + 1];
          else at++;
        }
        const [own = 3, other = 0] = spans[span] ?? [];
        const isLast = span >= spans.length;
        const wanted = isOpen
          ? at >= other
            ? close
            : letter
          : at >= own
            ? isLast
              ? endOfTurn
              : open
            : letter;
        logits[wanted] = 0;
        return logits;
      },
    });
  }

  const bigEngine = (): ScriptedEngine =>
    new ScriptedEngine({
      tokenizer,
      next: () => {
        const logits = new Float64Array(tokenizer.size).fill(-50);
        logits[letter] = 0;
        return logits;
      },
    });

  const SPANS: readonly { readonly spans: readonly (readonly [own: number, other: number])[] }[] = [
    {
      spans: [
        [10, 3],
        [70, 20],
        [5, 64],
      ],
    },
    {
      spans: [
        [1, 1],
        [200, 65],
      ],
    },
  ];

  it.each(SPANS)("counts the tokens that it counts: $spans", async ({ spans }) => {
    const timing: DecoderTiming = {
      streamingPrefill: false,
      prefillChunk: 64,
      chunks: [8, 16, 32, 64],
      eagerChunks: false,
    };
    const options: SplitOptionsInput = { ...timing };
    const promptTokens = 7;
    const prompt = [controlPiece("a".repeat(promptTokens))];
    const decoder = new SplitDecoder({ small: smallEngine(spans, promptTokens), big: bigEngine() });
    const { usage, finishReason } = await collect(
      decoder.decode({
        prompt,
        policy: learned(),
        limits: { maxTokens: 2000 },
        sampling: { temperature: 0, seed: 1 },
        options,
      }),
    );
    expect(finishReason).toBe("end-of-turn");
    const trace: Trace = {
      promptTokens,
      segments: [
        ...spans.flatMap(([own, other]): TraceSegment[] => [
          { author: "small", tokens: own, began: "scheduled", ended: "tag" },
          { author: "big", tokens: other, began: "asked", ended: "cut" },
        ]),
        { author: "small", tokens: 3, began: "scheduled", ended: "end-of-turn" },
      ],
    };
    // Slow to write and quick to read: the big model has at most begun the next token when it is stopped.
    const costs = costsOf({ prefill: NOTHING, decode: 100 }, { prefill: NOTHING, decode: 10 });
    const { work } = simulateDecoder(trace, costs, timing);
    expect(work.small.scored).toBe(usage.work.small.scored);
    expect(work.small.decoded).toBe(usage.work.small.decoded);
    expect(work.big.prefilled).toBe(usage.work.big.prefilled);
    expect(usage.bigTokens).toBe(spans.reduce((sum, [, other]) => sum + other, 0));
  });
});
