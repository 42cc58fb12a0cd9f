import { describe, expect, test } from "vitest";

import { gradedPart } from "./cut.ts";

describe("gradedPart", () => {
  test("a finished text is graded as a whole", () => {
    for (const text of ["12", "\\boxed{1", ""]) expect(gradedPart(text, "end-of-turn")).toBe(text);
  });

  test.each([
    ["a number on the way", "3 * 4 = 12"],
    ["a box that is open", "so \\boxed{12"],
    ["braces that are open", "so \\boxed{\\frac{1}{2}"],
    ["the beginning of a box", "first \\boxed{7}, no: \\boxe"],
    ["an open box after a closed one", "first \\boxed{7}, no: \\boxed{1"],
    ["a line that is not over", "The answer is 12"],
  ])("of a cut text, %s is no answer", (_, text) => {
    expect(gradedPart(text, "length")).toBeNull();
    expect(gradedPart(text, "context-full")).toBeNull();
  });

  test("a cut text counts with a closed box, and with whole lines that say the answer", () => {
    expect(gradedPart("\\[ \\boxed{7} \\", "length")).toBe("\\[ \\boxed{7} \\");
    expect(gradedPart("The answer is 12.\n\nQuestion: 3", "length")).toBe("The answer is 12.\n\n");
  });
});
