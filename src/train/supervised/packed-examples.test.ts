import { describe, expect, it } from "vitest";

import { digestOf } from "../../core/digest.ts";
import { tokenId } from "../../core/ids.ts";
import { PackedExamples } from "./packed-examples.ts";
import type { Datum } from "../trainer.ts";

const example = (ids: readonly number[], weights: readonly number[]): Datum => {
  const all = ids.map(tokenId);
  return { tokens: all.slice(0, -1), targets: all.slice(1), weights };
};

describe("PackedExamples", () => {
  const examples = [
    example([5, 151_935, 7, 7], [0, 1, 0.3]),
    example([1, 2], [1]),
    example([9, 8, 7], [0.3, 0]),
  ];

  it("gives back what was put in, and its digest is that of the plain data", () => {
    const packed = new PackedExamples();
    for (const one of examples) packed.add(one);
    expect(packed.length).toBe(3);
    expect(examples.map((_, index) => packed.at(index))).toEqual(examples);
    expect(examples.map((_, index) => packed.tokensOf(index))).toEqual([3, 1, 2]);
    const plain = [2, 0].map((index) => [examples[index]?.tokens, examples[index]?.weights]);
    expect(packed.digestOf([2, 0])).toBe(digestOf(plain));
    expect(packed.digestOf([])).toBe(digestOf([]));
  });

  it("refuses what it cannot keep", () => {
    const packed = new PackedExamples();
    const [first] = examples;
    expect(() => packed.add({ tokens: [], weights: [], ...first, targets: [3, 4, 5].map(tokenId) })).toThrow(
      /shifted/,
    );
    expect(() => packed.at(0)).toThrow(/no example 0/);
    const many = Array.from({ length: 257 }, (_, index) => index);
    expect(() => packed.add(example([...many, 0], many))).toThrow(/256 different weights/);
  });
});
