/** Answers made to hang or to crash a grader. */
import { expect, it } from "vitest";

import { createRng } from "../../core/rng.ts";
import { gradeMath } from "./index.ts";

const around = (open: string, close: string, times: number): string =>
  `${open.repeat(times)}1${close.repeat(times)}`;

const NASTY: readonly (readonly [name: string, answer: string])[] = [
  ["brackets in brackets", around("(", ")", 12)],
  ["brackets beyond the bound", around("(", ")", 250)],
  ["calls in calls", around("f(", ")", 12)],
  ["brackets that do not close", "(".repeat(300)],
  ["left without right", "\\left(".repeat(100)],
  ["bars", "|".repeat(300)],
  ["bars around bars", around("|f(", ")|", 3)],
  ["roots of roots", `${"\\sqrt".repeat(8)}{2}`],
  ["functions in a row", `${"\\sin ".repeat(90)}x`],
  ["a tower of powers", "9^{9^{9^{9^{9}}}}"],
  ["powers without braces", `${"x^".repeat(140)}2`],
  ["factorials", "100000000!!!!"],
  ["a binomial", "\\binom{999999999}{999}"],
  ["an exponent", "1e99999999"],
  ["a long number", `1${"0".repeat(590)}`],
  ["a long sum", `${"1+".repeat(149)}1`],
  ["signs", `${"-".repeat(500)}1`],
  ["letters", "x".repeat(300)],
  ["commas", "1,".repeat(300)],
  ["matrices that do not end", "\\begin{pmatrix}".repeat(30)],
  ["unions", "[1,2]\\cup".repeat(60)],
  ["boxes that do not close", "\\boxed{".repeat(20_000)],
  ["garbage", "\\foo\\bar{x}[(]^_%$#@".repeat(20)],
  ["a million digits", "7".repeat(1_000_000)],
];

it.each(NASTY)("%s: graded in bounded work, without an error", (_, answer) => {
  const before = process.cpuUsage();
  const first = gradeMath(answer, answer);
  expect(gradeMath(answer, answer)).toEqual(first);
  expect(gradeMath("1", answer).equivalent && gradeMath("2", answer).equivalent).toBe(false);
  const { user, system } = process.cpuUsage(before);
  // Four parses; milliseconds on a quiet machine.
  expect((user + system) / 1e6).toBeLessThan(5);
});

const FRAGMENTS =
  "\\frac \\sqrt \\left( \\right) { } ( ) [ ] | \\{ \\} ^ _ & \\\\ , ; = < \\le \\in \\cup \\pm \\pi \\infty \\text{ \\begin{pmatrix} \\end{pmatrix} \\boxed{ \\sin \\log ! % $ 1 2.5 -7 1e9 x y_1 + - * / \\cdot {,} ' é 🌍 \u0000".split(
    " ",
  );

it("grades whatever LaTeX can be shaken up from its parts, without an error", () => {
  const rng = createRng(12);
  const before = process.cpuUsage();
  for (let turn = 0; turn < 1500; turn++) {
    const shaken = (): string =>
      Array.from({ length: rng.integer(1, 40) }, () => rng.pick(FRAGMENTS)).join("");
    const [gold, pred] = [shaken(), shaken()];
    expect(typeof gradeMath(gold, pred).equivalent, `${gold} | ${pred}`).toBe("boolean");
  }
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(60);
}, 600_000);
