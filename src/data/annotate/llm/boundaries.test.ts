import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { placesToSpans, TraceBoundaries } from "./boundaries.ts";

/** The span of `part` in `text`, drawn to its edges. */
function snapped(text: string, part: string): string | undefined {
  const start = text.indexOf(part);
  const span = new TraceBoundaries(text).snap({ start, end: start + part.length });
  return span === undefined ? undefined : text.slice(span.start, span.end);
}

describe("TraceBoundaries", () => {
  it.each([
    [
      "to the sentence, outwards",
      "First. So we add 12 and 30. Then.",
      "we add 12 and",
      "So we add 12 and 30.",
    ],
    [
      "a stray word inwards",
      "It is 4. Now take the longer way around the hill. Ok",
      "4. Now take the longer way around the hill. O",
      "Now take the longer way around the hill.",
    ],
    [
      "decimals and e.g. end no sentence",
      "We know e.g. 3.14 is near. Yes.",
      "3.14 is",
      "We know e.g. 3.14 is near.",
    ],
    [
      "a formula is whole",
      "So the value of it is, as we have seen above in the text, \\(a + b = c\\) and with that we are at the end of it",
      "+ b =",
      "\\(a + b = c\\)",
    ],
    [
      "a formula that was quoted alone stays alone",
      "That means \\(16 - 3 = 13\\).",
      "\\(16 - 3 = 13\\)",
      "\\(16 - 3 = 13\\)",
    ],
    [
      "money is no formula",
      "Tom has $5 and she has another $30 from the sale that was held on a Sunday in the yard behind the big house.",
      "she has another",
      "Tom has $5 and she has another",
    ],
    [
      "a list number begins its line",
      "Steps:\n1. Add the two numbers.\n2. Stop.",
      "Add the two numbers.",
      "1. Add the two numbers.",
    ],
    [
      "white space is trimmed",
      "One.\n\n  Two is here.  \n\nThree.",
      "\n\n  Two is here.  \n",
      "Two is here.",
    ],
  ])("%s", (_, text, part, wanted) => {
    expect(snapped(text, part)).toBe(wanted);
  });

  it("cuts no word, number, LaTeX command, tag, formula or grapheme, wherever the span was", () => {
    const piece = fc.constantFrom(
      "word ",
      "1,234.5 ",
      "\\sqrt{2} ",
      "\\begin{cases} ",
      "<b>",
      "<|im_end|>",
      "</think> ",
      "$x_1 + y$ ",
      "\\[ a = b \\]\n",
      "👩‍👩‍👧 ",
      "é ",
      "नि ",
      "🇫🇷 ",
      ". ",
      "\n\n",
      "$5 ",
      "a long run of plain words without any end to it ",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 25 }),
        fc.nat(),
        fc.nat(),
        (parts, one, other) => {
          const text = parts.join("");
          const [start, end] = [one % (text.length + 1), other % (text.length + 1)].sort(
            (left, right) => left - right,
          ) as [number, number];
          const span = new TraceBoundaries(text).snap({ start, end });
          if (span === undefined) return;
          expect(span.start).toBeLessThan(span.end);
          for (const edge of [span.start, span.end]) {
            for (const whole of text.matchAll(
              /\\[a-z]+|<[/|]?[a-z_]+\|?>|\d[\d,.]*\d|\$x_1 \+ y\$|\\\[ a = b \\\]|[a-z]{2,}/gu,
            )) {
              const inside = whole.index < edge && edge < whole.index + whole[0].length;
              expect(inside, `${JSON.stringify(text)} cut at ${edge} in ${whole[0]}`).toBe(false);
            }
            const graphemes = new Set([...new Intl.Segmenter("en").segment(text)].map(({ index }) => index));
            expect(
              edge === text.length || graphemes.has(edge),
              `${JSON.stringify(text)} cut at ${edge}`,
            ).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("placesToSpans", () => {
  const text = "Alpha is first. Beta is second. Ok! Gamma comes third, and it is the last one. Delta.";
  const found = (part: string, edits: number) => {
    const start = text.indexOf(part);
    return {
      status: "found",
      start,
      end: start + part.length,
      method: "exact",
      edits,
      similarity: 1,
    } as const;
  };

  it("joins what overlaps or is near, sums the edits, and leaves out what was not found", () => {
    const places = [
      found("Gamma comes third, and it is the last one.", 0),
      found("Beta is second.", 2),
      found("is second.", 1),
      { status: "absent", reason: "not-similar" } as const,
      found("Alpha is first.", 3),
    ];
    const boundaries = new TraceBoundaries(text);
    expect(
      placesToSpans(places, boundaries, 3).map(({ start, end, edits }) => [text.slice(start, end), edits]),
    ).toEqual([
      ["Alpha is first. Beta is second.", 6],
      ["Gamma comes third, and it is the last one.", 0],
    ]);
    expect(placesToSpans(places, boundaries)).toHaveLength(1);
  });
});
