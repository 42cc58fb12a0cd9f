import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { StepKind } from "./policy.ts";
import { currentStep, STEP_KINDS, stepStart, untilStepEnds } from "./step-boundaries.ts";

describe("stepStart", () => {
  it.each<[StepKind, string, "next" | "space" | "no"]>([
    ["paragraph", "", "next"],
    ["paragraph", "One.\n", "no"],
    ["paragraph", "One.\n\n", "next"],
    ["paragraph", "One.\n  \n ", "next"],
    ["line", "One", "no"],
    ["line", "One\n", "next"],
    ["sentence", "One", "no"],
    ["sentence", "One.", "space"],
    ["sentence", "One. ", "next"],
    ["sentence", 'He said "no!"', "space"],
    ["sentence", "\\boxed{3}.", "space"],
    ["sentence", "One\n", "next"],
    ["clause", "One, ", "next"],
    ["clause", "One,", "space"],
    ["clause", "x =", "space"],
    ["clause", "\\(x + 1\\) = ", "next"],
    ["clause", "One and", "no"],
  ])("%s after %j: %s", (kind, text, start) => {
    expect(stepStart(kind, text)).toBe(start);
  });
});

describe("currentStep", () => {
  it("is the text after the last boundary", () => {
    expect(currentStep("sentence", "One is 3.14. Two, wait")).toBe("Two, wait");
    expect(currentStep("clause", "One is 3.14, or: 4 = 2 + ")).toBe("2 + ");
    expect(currentStep("line", "a\nb\n")).toBe("");
    expect(currentStep("paragraph", "a\nb")).toBe("a\nb");
  });

  it("is unknown where it began before what is known", () => {
    expect(currentStep("line", "x".repeat(512))).toBeUndefined();
  });
});

/** Steps of a text, token by token, as the writers of segments cut it. */
function cut(kind: StepKind, tokens: readonly string[]): string[] {
  const steps: string[] = [];
  let text = "";
  let rest = [...tokens];
  while (rest.length > 0) {
    const until = untilStepEnds(kind, text);
    let step = "";
    while (rest.length > 0) {
      const [token = ""] = rest;
      const verdict = until({ text: token }, step);
      if (verdict === "before") break;
      rest = rest.slice(1);
      step += token;
      if (verdict === "after") break;
    }
    expect(step).not.toBe("");
    steps.push(step);
    text += step;
  }
  return steps;
}

describe("untilStepEnds", () => {
  it("cuts where a reader would", () => {
    const tokens = ["One", " is", " 3", ".", "14", ".", " Two", ".", "\n", "\n", "Three"];
    expect(cut("sentence", tokens)).toEqual(["One is 3.14.", " Two.\n", "\nThree"]);
    expect(cut("line", tokens)).toEqual(["One is 3.14. Two.\n", "\nThree"]);
    expect(cut("paragraph", tokens)).toEqual(["One is 3.14. Two.\n\n", "Three"]);
    const sum = [
      "So",
      ",",
      " x",
      " =",
      " 1",
      ",",
      "200",
      " +",
      " 3",
      " =",
      " 1",
      ",",
      "203",
      ".",
      "\n",
      "Then",
    ];
    expect(cut("clause", sum)).toEqual(["So,", " x =", " 1,200 + 3 =", " 1,203.\n", "Then"]);
    expect(cut("sentence", ["1", ".", " ", "2", ".", " ", "3"])).toEqual(["1. ", "2. ", "3"]);
  });

  it("loses nothing and ends, whatever the text", () => {
    const token = fc.constantFrom("a", " b", ".", ". ", "\n", "\n\n", " ", "3", "!\n", ".\n\n", "");
    fc.assert(
      fc.property(fc.constantFrom(...STEP_KINDS), fc.array(token, { maxLength: 40 }), (kind, tokens) => {
        const texts = tokens.filter((text) => text !== "");
        expect(cut(kind, texts).join("")).toBe(texts.join(""));
      }),
    );
  });
});
