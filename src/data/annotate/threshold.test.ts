import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { ThresholdSearch } from "./threshold.ts";

type Word = readonly [score: number, tokens: number];

function search(words: readonly Word[], share: number, minimum: number, capacity?: number) {
  const found = new ThresholdSearch({ share, minimum, ...(capacity === undefined ? {} : { capacity }) });
  let passes = 0;
  do {
    passes++;
    for (const [score, tokens] of words) found.add(score, tokens);
  } while (found.endPass());
  return { ...found.result, passes };
}

/** What the search is to find, by sorting all words. */
function bySorting(words: readonly Word[], share: number, minimum: number) {
  const ranked = words.toSorted(([left], [right]) => right - left);
  const total = ranked.reduce((sum, [, tokens]) => sum + tokens, 0);
  let [threshold, marked] = [Number.POSITIVE_INFINITY, 0];
  for (const [score, tokens] of ranked) {
    if (score < minimum || marked + tokens > share * total) break;
    marked += tokens;
    threshold = score;
  }
  return { threshold, share: total === 0 ? 0 : marked / total };
}

/** Token counts in quarters: sums of them are exact in any order. */
const words = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom(0, -0, 0.5, 0.5000000000000001, 1, 7),
      fc.double({ min: -5, max: 40, noNaN: true }),
    ),
    fc.integer({ min: 1, max: 12 }).map((quarters) => quarters / 4),
  ),
  { maxLength: 60 },
);

describe("ThresholdSearch", () => {
  it("in one pass it is sorting, to the bit", () => {
    fc.assert(
      fc.property(
        words,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(0, 0.5, 2),
        (list, share, minimum) => {
          expect(search(list, share, minimum)).toEqual({ ...bySorting(list, share, minimum), passes: 1 });
        },
      ),
    );
  });

  it("with little memory it finds the same threshold in more passes", () => {
    fc.assert(
      fc.property(
        words,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.constantFrom(0, 0.5, 2),
        fc.integer({ min: 1, max: 8 }),
        (list, share, minimum, capacity) => {
          const { threshold, passes } = search(list, share, minimum, capacity);
          const wanted = bySorting(list, share, minimum).threshold;
          // Words of one score that do not fit into memory may be of different lengths: then their order decides whether any is taken.
          const ties = list.filter(([score]) => score === wanted || score === threshold);
          if (ties.length <= capacity) expect(threshold + 0).toBe(wanted + 0);
          expect(passes).toBeLessThanOrEqual(4);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("a hundred thousand scores in a memory of a hundred", () => {
    const list = Array.from({ length: 100_000 }, (_, index): Word => [((index * 7919) % 100_003) / 1000, 1]);
    const { threshold, share, passes } = search(list, 0.05, 0.5, 100);
    expect(threshold).toBe(bySorting(list, 0.05, 0.5).threshold);
    expect(share).toBe(0.05);
    expect(passes).toBeGreaterThan(1);
  });

  it("nothing is hard without words", () => {
    expect(search([], 0.5, 0)).toEqual({ threshold: Number.POSITIVE_INFINITY, share: 0, passes: 1 });
  });
});
