import { expect, it } from "vitest";

import { firstPass, withFilledGaps } from "./passes.ts";

/** All passes of calls, in order. */
function plan(
  lengths: readonly number[],
  size = 512,
): (readonly [tokens: number, sequences: readonly number[]])[] {
  const left = new Map(lengths.flatMap((tokens, id) => (tokens > 0 ? [[id, tokens] as const] : [])));
  const passes: (readonly [number, readonly number[]])[] = [];
  while (left.size > 0) {
    const { tokens, sequences } = firstPass(left, size);
    passes.push([tokens, sequences]);
    for (const id of sequences) {
      const rest = (left.get(id) ?? 0) - tokens;
      if (rest > 0) left.set(id, rest);
      else left.delete(id);
    }
  }
  return passes;
}

it("fills gaps that cost less than a pass", () => {
  expect(withFilledGaps([0, 2, 5], 1)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(withFilledGaps([0, 7], 1)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(withFilledGaps([0, 8], 1)).toEqual([0, 8]);
  expect(withFilledGaps([0, 3], 3)).toEqual([0, 1, 2, 3]);
  expect(withFilledGaps([0, 3], 4)).toEqual([0, 3]);
});

it("reads calls of one length in one pass", () => {
  expect(plan([4, 4, 4])).toEqual([[4, [0, 1, 2]]]);
});

it("reads lengths that differ by little in one pass, and others in steps", () => {
  expect(plan([9, 8, 9])).toEqual([[9, [0, 1, 2]]]);
  expect(plan([1, 30, 0, 1])).toEqual([
    [1, [0, 1, 2, 3]],
    [29, [1]],
  ]);
});

it("never reads more than a batch holds, and always something", () => {
  expect(plan([100, 100], 60)).toEqual([
    [30, [0, 1]],
    [30, [0, 1]],
    [30, [0, 1]],
    [10, [0, 1]],
  ]);
  expect(plan(Array(8).fill(1), 4)).toEqual([[1, [0, 1, 2, 3, 4, 5, 6, 7]]]);
});

it("ends for calls of many different lengths", () => {
  const lengths = Array.from({ length: 200 }, (_, id) => 1 + ((id * 37) % 199));
  const passes = plan(lengths);
  expect(passes.length).toBeLessThan(200);
  for (const [tokens, sequences] of passes) expect(tokens * sequences.length).toBeLessThanOrEqual(512);
});
