import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { editDistance } from "./likeness.ts";
import { locateSnippets, TraceText } from "./locate.ts";
import { normalForm, restoreBackslashes } from "./normal-form.ts";

const TRACE = `Okay, so I need the area. The base is 12 and the height is 7.

So \\[ A = \\frac{1}{2} \\cdot 12 \\cdot 7 = 42 \\]
Wait, let me double-check that. Half of 12 is 6, and 6 times 7 is 42. “Good”, that matches.

Now the second triangle has base 9 and height 8, so its area is \\(\\frac{9 \\cdot 8}{2} = 36\\). Together that makes 78.
Wait, let me double-check that.`;

const locate = (snippet: string, ...more: string[]) => {
  const places = locateSnippets(new TraceText(TRACE), [...more, snippet]);
  const place = places.at(-1);
  return place?.status === "found"
    ? { text: TRACE.slice(place.start, place.end), method: place.method, edits: place.edits }
    : place;
};

describe("locateSnippets", () => {
  it("verbatim", () => {
    expect(locate("Half of 12 is 6, and 6 times 7 is 42.")).toEqual({
      text: "Half of 12 is 6, and 6 times 7 is 42.",
      method: "exact",
      edits: 0,
    });
  });

  it.each([
    ["white space lost", "Half of 12 is 6,and 6 times 7is 42.", "Half of 12 is 6, and 6 times 7 is 42."],
    ["lines joined", "height is 7. So \\[ A = \\frac{1}{2}", "height is 7.\n\nSo \\[ A = \\frac{1}{2"],
    [
      "other LaTeX",
      "its area is $\\dfrac{9\\times 8}{2}=36$.",
      "its area is \\(\\frac{9 \\cdot 8}{2} = 36\\).",
    ],
    ["a fraction on one line", "area is (9*8)/2".replaceAll(/[()]/gu, ""), "area is \\(\\frac{9 \\cdot 8}{2"],
    ["JSON ate the backslashes", "A = \frac{1}{2} \\cdot 12", "A = \\frac{1}{2} \\cdot 12"],
    ["typography", '"Good", that matches', "“Good”, that matches"],
    ["a bullet and bold", "- **Half of 12 is 6**", "Half of 12 is 6"],
  ])("in normal form: %s", (_, snippet, text) => {
    expect(locate(snippet)).toMatchObject({ text, edits: 0 });
  });

  it("approximately, with the number of edits", () => {
    expect(locate("Now the 2nd triangle has base 9 and a height 8, so its area")).toEqual({
      text: "Now the second triangle has base 9 and height 8, so its area",
      method: "approximate",
      // `sec` became `2`, `o` left, `d`; and `a` came in.
      edits: editDistance(
        "nowthe2ndtrianglehasbase9andaheight8,soitsarea",
        "nowthesecondtrianglehasbase9andheight8,soitsarea",
      ),
    });
  });

  it("what was left out in the middle is within", () => {
    expect(locate("The base is 12 ... height is 7.")).toMatchObject({
      text: "The base is 12 and the height is 7.",
    });
  });

  it("of two places the one behind the snippet before", () => {
    const first = TRACE.indexOf("Wait, let me");
    const last = TRACE.lastIndexOf("Wait, let me");
    const of = (...snippets: string[]) =>
      locateSnippets(new TraceText(TRACE), snippets).map((place) =>
        place.status === "found" ? place.start : -1,
      );
    expect(of("Wait, let me double-check that.")).toEqual([first]);
    expect(of("Together that makes 78.", "Wait, let me double-check that.").at(-1)).toBe(last);
  });

  it("refuses what is not there, other numbers, and what is too short", () => {
    expect(locate("By Fermat's little theorem the residue vanishes.")).toMatchObject({
      reason: "not-similar",
    });
    expect(locate("Half of 18 is 9, and 9 times 4 is 36.")).toMatchObject({ reason: "other-numbers" });
    expect(locate("is 7")).toEqual({ status: "absent", reason: "too-short" });
  });
});

describe("normalForm", () => {
  it("each unit knows where it comes from, in order", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.constantFrom("\\frac{", "}{", "\\times", " ", "$", "**", "\\\\", "é", "🙂", "…", "\\[", "İ"),
            fc.string({ maxLength: 4, unit: "binary" }),
          ),
        ),
        (parts) => {
          const original = parts.join("");
          const { text, starts, ends } = normalForm(original);
          expect([starts.length, ends.length]).toEqual([text.length, text.length]);
          const isInOrder = starts.every(
            (start, at) => start < (ends[at] ?? 0) && (at === 0 || start >= (starts[at - 1] ?? 0)),
          );
          expect(isInOrder).toBe(true);
          expect(ends.at(-1) ?? 0).toBeLessThanOrEqual(original.length);
        },
      ),
    );
  });

  it("backslashes that JSON ate come back, and nothing else changes", () => {
    expect(restoreBackslashes("\frac12 \times 3\nnext \boxed\tan")).toBe(
      "\\frac12 \\times 3\nnext \\boxed\\tan",
    );
    expect(restoreBackslashes("a\tb\r\nc")).toBe("a\tb\r\nc");
  });
});
