import { describe, expect, it } from "vitest";

import { type ChoiceOptions, chooseSamples } from "./choice.ts";
import type { Sample } from "./sample.ts";

const ALL: ChoiceOptions = { keep: 9, minShare: 0, maxShare: 1, unaided: true };

function sampleWith(sample: number, bigTokens: number, more: Partial<Sample> = {}): Sample {
  return {
    sample,
    seed: sample,
    answer: "4",
    correct: true,
    finishReason: "end-of-turn",
    parts: [
      { author: "small", text: `${sample} and` },
      ...(bigTokens === 0 ? [] : [{ author: "big" as const, text: " more" }]),
    ],
    smallTokens: 10 - bigTokens,
    bigTokens,
    discardedTokens: 0,
    ...more,
  };
}

const BOXES = { open: "<|box_start|>", close: "<|box_end|>" };
const numbersOf = (samples: readonly Sample[], options: Partial<ChoiceOptions> = {}): number[] =>
  chooseSamples(samples, { ...ALL, ...options }, BOXES).kept.map(({ sample }) => sample);

describe("chooseSamples", () => {
  it("takes the right ones with the least help first, at most so many, whatever the order", () => {
    const samples = [sampleWith(0, 5), sampleWith(1, 2), sampleWith(2, 2), sampleWith(3, 0)];
    expect(numbersOf(samples)).toEqual([3, 1, 2, 0]);
    expect(numbersOf(samples.toReversed(), { keep: 2 })).toEqual([3, 1]);
    expect(chooseSamples(samples, { ...ALL, keep: 2 }, BOXES).rejected).toEqual(["keep", "keep"]);
  });

  it("drops what is wrong, cut, degraded, empty or tagged, and says why", () => {
    const samples = [
      sampleWith(0, 1, { correct: false }),
      sampleWith(1, 1, { finishReason: "length" }),
      sampleWith(2, 1, { degraded: "the big model is away" }),
      sampleWith(3, 1, { parts: [{ author: "big", text: "\n" }] }),
      sampleWith(4, 1, { parts: [{ author: "big", text: "a <bigmodel> b" }] }),
      sampleWith(5, 1, { parts: [{ author: "small", text: "a <|box_end|> b" }] }),
    ];
    expect(chooseSamples(samples, ALL, BOXES)).toEqual({
      kept: [],
      rejected: ["wrong", "unfinished", "degraded", "empty", "has-tags", "has-tags"],
    });
  });

  it("keeps to a band of shares, by which a trace without a hand-off is not judged", () => {
    const samples = [sampleWith(0, 0), sampleWith(1, 1), sampleWith(2, 3), sampleWith(3, 6)];
    expect(numbersOf(samples, { minShare: 0.2, maxShare: 0.5 })).toEqual([0, 2]);
    expect(numbersOf(samples, { minShare: 0.2, maxShare: 0.5, unaided: false })).toEqual([2]);
  });

  it("takes a text once, unless its authors differ", () => {
    const parts = (author: "small" | "big") => [
      { author: "small" as const, text: "a" },
      { author, text: "b" },
    ];
    const samples = [
      sampleWith(0, 1, { parts: parts("big") }),
      sampleWith(1, 1, { parts: parts("big") }),
      sampleWith(2, 0, { parts: parts("small") }),
    ];
    expect(chooseSamples(samples, ALL, BOXES).rejected).toEqual(["duplicate"]);
    expect(numbersOf(samples)).toEqual([2, 0]);
  });
});
