import { expect, test } from "vitest";

import { verifyAnswer } from "./verify-answer.ts";

test.each([
  ["\\boxed{12}", "12", "right"],
  ["first \\boxed{3}, then \\boxed{1{,}000}", "1000", "unknown"],
  ["\\boxed{1,000}", "1000", "right"],
  ["\\boxed{\\dfrac{1}{2}}", "$\\frac{1}{2}$", "right"],
  ["\\boxed{0.5}", "1/2", "right"],
  ["\\boxed{-\\frac{1}{2}}", "1/2", "wrong"],
  ["\\boxed{12}", "13", "wrong"],
  ["\\boxed{016}", "16", "right"],
  ["\\boxed{x+1}", "1+x", "unknown"],
  ["\\boxed{\\left( 1, 2 \\right)}", "(1,2)", "right"],
  ["\\boxed{12", "12", "unknown"],
  ["no box", "12", "unknown"],
  ["\\boxed{1/0}", "1", "unknown"],
])("%s against %s is %s", (trace, answer, verdict) => {
  expect(verifyAnswer({ id: "", problem: "", trace, answer })).toBe(verdict);
});
