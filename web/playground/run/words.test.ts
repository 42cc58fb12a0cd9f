/** The small pure functions that put a run into words. */
import { describe, expect, it } from "vitest";

import { boxedAnswer } from "./answer.ts";
import { biasWords, budgetStops, budgetWords, NO_CAP, percent } from "./budget.ts";
import { curlCommand } from "./curl.ts";

describe("boxedAnswer", () => {
  it.each([
    ["The answer is \\boxed{045}.", "045"],
    ["\\boxed{1} or rather \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"],
    ["\\boxed{a \\} b}", "a \\} b"],
    ["\\boxed{", undefined],
    ["\\boxed{}", undefined],
    ["no answer", undefined],
    [`\\boxed{${"9".repeat(500)}}`, undefined],
  ])("%j: %j", (text, expected) => expect(boxedAnswer(text)).toBe(expected));
});

describe("the dial in words", () => {
  it("has the server's default among its positions", () => {
    expect(budgetStops(0.042)).toContain(0.042);
    expect(budgetStops(NO_CAP)).toEqual([...new Set(budgetStops(NO_CAP))].toSorted((a, b) => a - b));
    expect([0, 0.05, 0.075, NO_CAP].map(budgetWords)).toEqual([
      "none",
      "at most 5%",
      "at most 7.5%",
      "no cap",
    ]);
    expect([-1, 0, 2].map(biasWords)).toEqual(["asks less", "as trained", "asks more"]);
  });

  it("rounds shares to what can be seen", () => {
    expect([0, 0.0004, 0.0482, 0.0999, 0.456, 1].map(percent)).toEqual([
      "0%",
      "<0.1%",
      "4.8%",
      "10%",
      "46%",
      "100%",
    ]);
  });
});

describe("curlCommand", () => {
  it("is one command, whatever the problem is", () => {
    const request = { model: "splitreason", problem: "it's $HOME", dial: { budget: 0.05 } };
    const command = curlCommand(request, "http://127.0.0.1:8080/", true);
    expect(command).toContain("http://127.0.0.1:8080/v1/chat/completions");
    expect(command).toContain(`it'\\''s $HOME`);
    expect(command).toContain("$SPLITREASON_API_KEY");
  });
});
