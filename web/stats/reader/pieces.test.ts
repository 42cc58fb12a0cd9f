import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { PageTrace } from "../../../src/data/stats/page-data.ts";
import { niceCeiling } from "../../shared/bar-plot.tsx";
import { heatLevel, heatLine, piecesOf } from "./pieces.ts";

const trace = (text: string, more: Partial<PageTrace>): PageTrace => ({
  id: "a",
  problem: "p",
  trace: text,
  spans: [],
  ...more,
});

describe("pieces", () => {
  test("by hand", () => {
    const pieces = piecesOf(
      trace("one two three", {
        spans: [{ start: 4, end: 9 }],
        scores: { offsets: [0, 3, 7], gap: [0.1, 2, -1] },
      }),
      true,
    );
    expect(pieces).toEqual([
      { start: 0, text: "one", score: 0.1 },
      { start: 3, text: " ", score: 2 },
      { start: 4, text: "two", score: 2, span: 0 },
      { start: 7, text: " t", score: -1, span: 0 },
      { start: 9, text: "hree", score: -1 },
    ]);
  });

  test("joined they are the trace, and those of a span are its text, whatever the offsets", () => {
    const edges = fc
      .uniqueArray(fc.nat({ max: 40 }), { maxLength: 10 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(
        fc.string({ minLength: 0, maxLength: 40 }),
        edges,
        edges,
        fc.boolean(),
        (text, cuts, offsets, scored) => {
          const spans = cuts.flatMap((start, index) =>
            index % 2 === 0 && cuts[index + 1] ? [{ start, end: cuts[index + 1] ?? 0 }] : [],
          );
          const pieces = piecesOf(
            trace(text, { spans, scores: { offsets, gap: offsets.map(() => 1) } }),
            scored,
          );
          expect(pieces.map((piece) => piece.text).join("")).toBe(text);
          spans.forEach(({ start, end }, index) => {
            expect(
              pieces
                .filter(({ span }) => span === index)
                .map((piece) => piece.text)
                .join(""),
            ).toBe(text.slice(start, end));
          });
        },
      ),
    );
  });

  test("heat: levels of half a nat, and the highest word of each stretch", () => {
    expect([-3, 0, 0.3, 1, 4, 99].map(heatLevel)).toEqual([0, 0, 1, 2, 8, 8]);
    const line = heatLine(trace("0123456789", { scores: { offsets: [0, 1, 9], gap: [1, 3, -2] } }), 5);
    expect(line).toEqual([3, undefined, undefined, undefined, -2]);
  });

  test("a scale ends at a plain figure", () => {
    expect([0, 0.03, 1, 1.1, 130, 200, 201, 801, 1000].map(niceCeiling)).toEqual([
      1, 0.04, 1, 2, 200, 200, 400, 1000, 1000,
    ]);
  });
});
