import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createRng } from "../../core/rng.ts";
import { jitterSpans, type SpanJitter, spanJitterSchema } from "./span-jitter.ts";

const trace = "Step two: 36 times 83 is 2988. Keep the last three digits: 988.";
const span = { start: trace.indexOf(" 2988."), end: trace.indexOf(" 2988.") + 6 };
const none = spanJitterSchema.parse({});

const drawn = (jitter: Partial<SpanJitter>, count = 400): Map<string, number> => {
  const texts = new Map<string, number>();
  for (let seed = 0; seed < count; seed++) {
    const spans = jitterSpans(trace, [span], { ...none, ...jitter }, createRng(seed));
    const text = spans.map(({ start, end }) => `[${trace.slice(start, end)}]`).join("");
    texts.set(text, (texts.get(text) ?? 0) + 1);
  }
  return texts;
};

describe("jitterSpans", () => {
  it("leaves spans alone when told nothing", () => {
    expect([...drawn({}).keys()]).toEqual(["[ 2988.]"]);
  });

  it("moves the start after the space, and sometimes by a word", () => {
    const texts = drawn({ start: 1 });
    expect(new Set(texts.keys())).toEqual(new Set(["[2988.]", "[ is 2988.]", "[ 2988.]"]));
    // The next word begins after the span: such a draw leaves it as it was.
    expect((texts.get("[2988.]") ?? 0) / 400).toBeCloseTo(2 / 3, 1);
  });

  it("moves the end before the punctuation, and sometimes by a word", () => {
    expect(new Set(drawn({ end: 1 }).keys())).toEqual(new Set(["[ 2988]", "[ 2988. Keep]", "[ 2988.]"]));
  });

  it("leaves spans out, and adds some", () => {
    expect((drawn({ drop: 0.25 }).get("") ?? 0) / 400).toBeCloseTo(0.25, 1);
    const added = drawn({ add: 0.5 });
    expect((added.get("[ 2988.]") ?? 0) / 400).toBeGreaterThan(0.5);
    expect(added.size).toBeGreaterThan(10);
  });

  it("gives spans in order, apart, within the trace, and the same from the same seed", () => {
    const spans = fc
      .array(fc.nat({ max: trace.length - 1 }), { maxLength: 8 })
      .map((cuts) => [...new Set(cuts)].sort((a, b) => a - b))
      .map((cuts) =>
        cuts.flatMap((start, index) => {
          const end = cuts[index + 1];
          return index % 2 === 0 && end !== undefined ? [{ start, end }] : [];
        }),
      );
    fc.assert(
      fc.property(spans, fc.nat(), (given, seed) => {
        const jitter = { start: 0.7, end: 0.7, drop: 0.2, add: 0.5 };
        const moved = jitterSpans(trace, given, jitter, createRng(seed));
        let last = -1;
        for (const { start, end } of moved) {
          expect(start).toBeGreaterThan(last);
          expect(end).toBeGreaterThan(start);
          expect(end).toBeLessThanOrEqual(trace.length);
          last = end;
        }
        expect(jitterSpans(trace, given, jitter, createRng(seed))).toEqual(moved);
      }),
    );
  });
});
