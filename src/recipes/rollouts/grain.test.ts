import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type Grain, GRAINS, widenSpans } from "./grain.ts";

/** The trace with its spans in brackets; what the big model wrote stands in braces in `marked`. */
function widened(marked: string, grain: Grain): string {
  const written: { start: number; end: number }[] = [];
  let trace = "";
  for (const [index, part] of marked.split(/[{}]/u).entries()) {
    if (index % 2 === 1) written.push({ start: trace.length, end: trace.length + part.length });
    trace += part;
  }
  let text = "";
  let done = 0;
  for (const { start, end } of widenSpans(trace, written, grain)) {
    text += `${trace.slice(done, start)}[${trace.slice(start, end)}]`;
    done = end;
  }
  return text + trace.slice(done);
}

describe("widenSpans", () => {
  it("takes the whole number in which the big model began", () => {
    const marked = "So 47 times 83 is 3{901.} Keep 901.";
    expect(widened(marked, "token")).toBe("So 47 times 83 is 3[901.] Keep 901.");
    expect(widened(marked, "word")).toBe("So 47 times 83 is[ 3901.] Keep 901.");
    expect(widened("So 47 times 83 is{ 3901.} Keep 901.", "word")).toBe(
      "So 47 times 83 is[ 3901.] Keep 901.",
    );
    expect(widened("So 47 times 83 is{ 39}01. Keep", "word")).toBe("So 47 times 83 is[ 3901.] Keep");
  });

  it("takes whole sentences, lines and paragraphs", () => {
    const marked = "First.\n\nPi is 3.14. Then 2 by {3} is 6. So\nwe end.\n\nThe end.";
    expect(widened(marked, "sentence")).toBe(
      "First.\n\nPi is 3.14.[ Then 2 by 3 is 6.] So\nwe end.\n\nThe end.",
    );
    expect(widened(marked, "line")).toBe("First.\n\n[Pi is 3.14. Then 2 by 3 is 6. So\n]we end.\n\nThe end.");
    expect(widened(marked, "paragraph")).toBe(
      "First.\n\n[Pi is 3.14. Then 2 by 3 is 6. So\nwe end.\n\n]The end.",
    );
  });

  it("keeps white space that the big model wrote, and takes no further unit in for it", () => {
    expect(widened("a {b.\n\n}c d", "word")).toBe("a[ b.\n\n]c d");
    expect(widened("a {b. }c d. e", "sentence")).toBe("[a b. ]c d. e");
  });

  it("stays in the chain of thought, drops what is blank, joins what touches", () => {
    expect(widened("a b{c\n</think>\nThe answer} is 4", "word")).toBe("a[ bc\n]</think>\nThe answer is 4");
    expect(widened("a\n</think>\nThe {answer} is 4", "word")).toBe("a\n</think>\nThe answer is 4");
    expect(widened("a{ \n}b", "word")).toBe("a \nb");
    expect(widened("a b{c}d{e} f", "word")).toBe("a[ bcde] f");
  });

  it("gives spans in order, apart, within the thoughts, around all ink that was written there", () => {
    const piece = fc.constantFrom("a", "7", " ", "\n", ". ", ".", "\n\n", "é", "</think>");
    const parts = fc.array(fc.tuple(fc.boolean(), fc.string({ unit: piece, minLength: 1, maxLength: 6 })));
    fc.assert(
      fc.property(parts, fc.constantFrom(...GRAINS), (written, grain) => {
        let trace = "";
        const big: { start: number; end: number }[] = [];
        for (const [isBig, text] of written) {
          if (isBig) big.push({ start: trace.length, end: trace.length + text.length });
          trace += text;
        }
        const thoughts = trace.includes("</think>") ? trace.indexOf("</think>") : trace.length;
        const spans = widenSpans(trace, big, grain);
        let done = 0;
        for (const { start, end } of spans) {
          expect(start).toBeGreaterThanOrEqual(done);
          expect(end).toBeGreaterThan(start);
          done = end;
        }
        expect(done).toBeLessThanOrEqual(thoughts);
        for (const { start, end } of big) {
          for (let at = start; at < Math.min(end, thoughts); at++) {
            if (trace.slice(at, at + 1).trim() === "") continue;
            expect(spans.some((span) => span.start <= at && at < span.end)).toBe(true);
          }
        }
      }),
    );
  });
});
