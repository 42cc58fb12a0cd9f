import { expect, test } from "vitest";

import { verifyAnswer } from "./verify-answer.ts";

test.each([
  ["\\boxed{12}", "12", "right"],
  ["first \\boxed{3}, then \\boxed{1{,}000}", "1000", "right"],
  ["\\boxed{1,000}", "1000", "right"],
  ["\\boxed{\\dfrac{1}{2}}", "$\\frac{1}{2}$", "right"],
  ["\\boxed{0.5}", "1/2", "right"],
  ["\\boxed{-\\frac{1}{2}}", "1/2", "wrong"],
  ["\\boxed{12}", "13", "wrong"],
  ["\\boxed{016}", "16", "right"],
  ["\\boxed{x+1}", "1+x", "right"],
  ["\\boxed{x-1}", "1+x", "wrong"],
  ["\\boxed{2\\sqrt{3}}", "\\sqrt{12}", "right"],
  ["\\boxed{2\\sqrt{3}}", "\\sqrt{13}", "wrong"],
  ["\\boxed{1} and \\boxed{-2}", "-2, 1", "right"],
  ["\\boxed{[1,2)}", "1 \\le x < 2", "right"],
  ["\\boxed{(1,2)}", "(2,1)", "wrong"],
  ["\\boxed{y=2x}", "2x=y", "right"],
  ["\\boxed{\\text{(B)}}", "C", "wrong"],
  ["\\boxed{\\text{east}}", "\\text{West}", "unknown"],
  ["\\boxed{\\operatorname{argmin} f}", "12", "unknown"],
  ["\\boxed{\\left( 1, 2 \\right)}", "(1,2)", "right"],
  ["\\boxed{12", "12", "unknown"],
  ["no box", "12", "unknown"],
  ["\\boxed{1/0}", "1", "unknown"],
])("%s against %s is %s", (trace, answer, verdict) => {
  expect(verifyAnswer({ id: "", problem: "", trace, answer })).toBe(verdict);
});
