import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { GAP_DEFAULTS, gapWords, hardSpans, smoothGaps } from "./gap.ts";
import type { ScoredToken } from "./scores.ts";

/** Tokens that cut `text` at these offsets, with these log-probabilities. */
function scored(cuts: readonly number[], logprobs: readonly number[]): ScoredToken[] {
  return cuts.slice(1).map((end, index) => ({ start: cuts[index] ?? 0, end, logprob: logprobs[index] ?? 0 }));
}

describe("gapWords", () => {
  it("sums what the small model lost on each word", () => {
    const trace = "it is 2016. Good";
    const small = scored([0, 2, 5, 6, 8, 10, 11, 16], [-0.1, -0.1, 0, -2, -3, -0.5, -0.2]);
    const big = scored([0, 2, 5, 6, 8, 10, 11, 16], [-0.1, -0.1, 0, -0.5, -0.5, 0, -0.2]);
    const words = gapWords(trace, small, big);
    expect(words.map(({ start, end }) => trace.slice(start, end))).toEqual(["it", " is", " 2016.", " Good"]);
    expect(words.map(({ tokens }) => Math.round(tokens))).toEqual([1, 1, 4, 1]);
    [0, 0, 4.5, 0].forEach((gap, index) => expect(words[index]?.gap).toBeCloseTo(gap, 10));
  });

  it("does not care how either model splits the text, only what it thinks of each word", () => {
    const trace = "ab cd";
    const whole = gapWords(trace, scored([0, 2, 5], [-1, -3]), scored([0, 2, 5], [0, -1]));
    const split = gapWords(trace, scored([0, 1, 2, 3, 5], [-0.5, -0.5, -1, -2]), scored([0, 2, 5], [0, -1]));
    whole.forEach((word, index) => expect(split[index]?.gap).toBeCloseTo(word.gap, 10));
  });

  it("loses nothing: the gaps of words sum to the gap of the trace", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom("a", " ", "12", ". "), fc.double({ min: -9, max: 0, noNaN: true })),
          { maxLength: 30 },
        ),
        (parts) => {
          const trace = `x${parts.map(([text]) => text).join("")}x`;
          const cuts = [0, 1];
          for (const [text] of parts) cuts.push((cuts.at(-1) ?? 0) + text.length);
          cuts.push(trace.length);
          const logprobs = [0, ...parts.map(([, logprob]) => logprob), 0];
          const total = gapWords(
            trace,
            scored(cuts, logprobs),
            scored(
              cuts,
              logprobs.map(() => 0),
            ),
          );
          const lost = -logprobs.reduce((sum, value) => sum + value, 0);
          expect(total.reduce((sum, word) => sum + word.gap, 0)).toBeCloseTo(lost, 6);
        },
      ),
    );
  });
});

describe("hardSpans", () => {
  const words = [0.1, 3, 2.5, 0.2, 0.9, 4].map((gap, index) => ({
    start: index * 3,
    end: index * 3 + 3,
    gap,
    tokens: 1,
  }));

  it("takes the largest gaps until the wanted share, and joins neighbours", () => {
    const { spans, threshold, share } = hardSpans([words], { ...GAP_DEFAULTS, share: 0.5 });
    expect(threshold).toBe(2.5);
    expect(share).toBe(0.5);
    expect(spans).toEqual([
      [
        { start: 3, end: 9, score: 5.5 },
        { start: 15, end: 18, score: 4 },
      ],
    ]);
  });

  it("marks nothing below the least gap, also when the share is not reached", () => {
    expect(hardSpans([words], { ...GAP_DEFAULTS, share: 1, minimumGap: 3 }).spans).toEqual([
      [
        { start: 3, end: 6, score: 3 },
        { start: 15, end: 18, score: 4 },
      ],
    ]);
    expect(hardSpans([[]], GAP_DEFAULTS)).toEqual({
      spans: [[]],
      threshold: Number.POSITIVE_INFINITY,
      share: 0,
    });
  });

  it("merges spans that are close", () => {
    const near = hardSpans([words], { ...GAP_DEFAULTS, share: 0.5, mergeDistance: 6 });
    expect(near.spans[0]).toEqual([{ start: 3, end: 18, score: 9.5 }]);
  });

  it("smooths over neighbours", () => {
    expect(smoothGaps(words, 0)).toEqual(words.map(({ gap }) => gap));
    expect(smoothGaps(words, 1)[0]).toBeCloseTo(1.55, 10);
  });
});
