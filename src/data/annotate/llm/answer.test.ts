import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { readAnswer } from "./answer.ts";

describe("readAnswer", () => {
  it.each([
    ["JSON", '{"snippets": ["a b", "c"]}', ["a b", "c"], true],
    ["a fence and talk around it", 'Here [they] are:\n```json\n{"snippets":["a"]}\n```\nDone.', ["a"], true],
    [
      "behind thoughts that quote JSON",
      '<think>{"snippets":["no"]}</think>{"snippets":["yes"]}',
      ["yes"],
      true,
    ],
    ["a bare list", '["a", "b"]', ["a", "b"], true],
    [
      "LaTeX with single backslashes",
      String.raw`{"snippets": ["\(x\) and \sqrt{2}"]}`,
      [String.raw`\(x\) and \sqrt{2}`],
      true,
    ],
    [
      "cut short",
      '{"snippets": ["whole [1]", "also, \\"quoted\\"", "not who',
      ["whole [1]", 'also, "quoted"'],
      false,
    ],
    [
      "between marks",
      "=== SNIPPET ===\na\n  b\n=== END ===\n\n=== SNIPPET ===\nc\n=== END ===",
      ["a\n  b", "c"],
      true,
    ],
    ["between marks, cut short", "=== SNIPPET ===\na\n=== END ===\n=== SNIPPET ===\nc", ["a"], false],
    ["twice the same", '{"snippets": ["a", "a", " "]}', ["a"], true],
    ["nothing", "I cannot help with that.", [], false],
    ["another document", '{"error": "no"}', [], false],
  ])("%s", (_, text, snippets, isWhole) => {
    expect(readAnswer(text)).toEqual({ snippets, isWhole });
  });

  it("reads what JSON writes, and never throws", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc
            .string({ minLength: 1, unit: "grapheme" })
            .filter((text) => text.trim() !== "" && !text.includes("</think>")),
        ),
        (snippets) => {
          expect(readAnswer(JSON.stringify({ snippets }))).toEqual({ snippets, isWhole: true });
        },
      ),
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom(
            '{"snippets":[',
            '"',
            "\\",
            "]",
            "}",
            ",",
            "a",
            "=== SNIPPET ===",
            "=== END ===",
            "</think>",
          ),
        ),
        (parts) => void readAnswer(parts.join("")),
      ),
    );
  });
});
