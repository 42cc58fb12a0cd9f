import { expect, it } from "vitest";

import { lastBoxed } from "./boxed.ts";

it.each([
  ["The answer is \\boxed{016}.", "016"],
  ["\\boxed{1} no, \\boxed{ 2 }", "2"],
  ["\\boxed{\\frac{1}{2}} end", "\\frac{1}{2}"],
  ["\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"],
  ["\\fbox{7}", "7"],
  ["\\boxed {7}", "7"],
  ["\\boxed{3} and \\boxed{unfinished", "3"],
  ["\\boxed{unfinished", null],
  ["\\boxed without braces", null],
  ["", null],
])("%j gives %j", (text, answer) => {
  expect(lastBoxed(text)).toBe(answer);
});

it("stays quick on hostile text", () => {
  const start = performance.now();
  expect(lastBoxed("\\boxed{".repeat(20_000))).toBeNull();
  expect(performance.now() - start).toBeLessThan(500);
});
