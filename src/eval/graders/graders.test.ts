import { describe, expect, it } from "vitest";

import { boxedAnswer, chosenLetter, extractAnswer, gradeMath, gradeNumber, lastNumber } from "./index.ts";

const SAME: readonly (readonly [gold: string, pred: string])[] = [
  ["204", "204"],
  ["10,\\!080", "10080"],
  ["11,\\! 111,\\! 111,\\! 100", "11111111100"],
  ["58,500", "58500"],
  ["58{,}500", "58500"],
  ["\\$18.90", "18.9"],
  ["\\$32,\\!348", "32348"],
  [".35625", "0.35625"],
  ["\\frac34", "0.75"],
  ["\\frac9{19}", "\\dfrac{9}{19}"],
  ["\\frac{1}{3}", "0.333333"],
  ["1\\frac{4}{5}", "\\frac{9}{5}"],
  ["137 \\frac{1}{2}", "137.5"],
  ["11\\sqrt2", "11\\sqrt{2}"],
  ["\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"],
  ["3\\sqrt{13}", "\\sqrt{117}"],
  ["18+2\\pi", "2\\pi+18"],
  ["\\frac{20000}{\\pi}", "6366.1977"],
  ["6 - 5i", "-5i+6"],
  ["(a+5)(b+2)", "ab+2a+5b+10"],
  ["6r^2-4r-24", "2(3r^2-2r-12)"],
  ["\\cot x", "\\frac{\\cos x}{\\sin x}"],
  ["p - q", "-q+p"],
  ["3R^2", "3 \\cdot R^{2}"],
  ["\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\pi/2)"],
  ["\\left(\\frac{3}{5},\\frac{8}{3}\\right]", "(0.6, \\frac{8}{3}]"],
  ["(-\\infty, 2) \\cup (3, \\infty)", "(3,\\infty)\\cup(-\\infty,2)"],
  ["x \\in [-2,7]", "[-2,7]"],
  ["[-2,7]", "-2 \\le x \\le 7"],
  ["(5,\\infty)", "x > 5"],
  ["\\{1\\pm\\sqrt{5},-2\\}", "-2, 1+\\sqrt5, 1-\\sqrt5"],
  ["1 \\pm \\sqrt{19}", "1-\\sqrt{19}, 1+\\sqrt{19}"],
  ["1,-2", "-2,1"],
  ["3, 5, 7", "3,5,7"],
  ["x=5", "5"],
  ["5x - 7y + 11z + 4 = 0", "10x-14y+22z=-8"],
  ["y = 2x + 3", "2x + 3"],
  ["\\begin{pmatrix} -1/3 \\\\ 2/3 \\end{pmatrix}", "\\begin{bmatrix}-\\frac13\\\\\\frac23\\end{bmatrix}"],
  ["15\\mbox{ cm}^2", "15"],
  ["864 \\mbox{ inches}^2", "864"],
  ["\\frac{270}7\\text{ degrees}", "\\frac{270}{7}"],
  ["5.4 \\text{ cents}", "5.4"],
  ["120^\\circ", "120"],
  ["\\sin 30^\\circ", "\\frac12"],
  ["15\\%", "0.15"],
  ["15\\%", "15"],
  ["\\text{(B)}", "B"],
  ["\\text{Evelyn}", "Evelyn"],
  ["\\text{east}", "East"],
  ["4210_{5}", "4210_5"],
  ["2^{100}+1", "1267650600228229401496703205377"],
  ["\\binom{5}{2}", "10"],
  ["5!", "120"],
  ["(1,2]", "$(1,2]$."],
  ["\\{1,2\\}", "\\(\\{1,2\\}\\)."],
  ["\\frac{4}{3}", "\\frac{4(\\frac{2}{3})}{2}"],
  ["204_5", "n = 204_5"],
  ["\\log_2 8", "3"],
  ["2", "The total is $\\boxed{2}$."],
  ["1, 2", "so \\boxed{1} and \\boxed{2}"],
];

const DIFFERENT: readonly (readonly [gold: string, pred: string])[] = [
  ["204", "205"],
  ["2^{100}+1", "2^{100}"],
  ["\\frac34", "\\frac43"],
  ["0.0000672", "0.0000671"],
  ["1.25", "1.2500001"],
  ["\\frac13", "0.3333"],
  ["3\\sqrt{13}", "\\sqrt{116}"],
  ["6 - 5i", "6+5i"],
  ["(2,4)", "(4,2)"],
  ["(3,4]", "[3,4]"],
  ["(3,4]", "(3,4)"],
  ["\\{1,2\\}", "\\{1,3\\}"],
  ["1,-2", "1"],
  ["x^2", "|x|^2"],
  ["x", "\\sqrt{x^2}"],
  ["4210_5", "4210_6"],
  ["\\text{east}", "west"],
  ["\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "\\begin{pmatrix} 2 & 1 \\end{pmatrix}"],
  ["y = 2x + 3", "y = 2x - 3"],
  ["(5,\\infty)", "x \\ge 5"],
  ["a+b", "a-b"],
  ["2\\frac{1}{3}", "2(\\frac{1}{3})"],
  ["5", ""],
  ["5", "x"],
];

describe("gradeMath", () => {
  it.each(SAME)("%s is %s", (gold, pred) => {
    expect(gradeMath(gold, pred)).toMatchObject({ equivalent: true });
    expect(gradeMath(pred, gold)).toMatchObject({ equivalent: true });
  });

  it.each(DIFFERENT)("%s is not %s", (gold, pred) => {
    expect(gradeMath(gold, pred)).toMatchObject({ equivalent: false });
    expect(gradeMath(pred, gold)).toMatchObject({ equivalent: false });
  });

  it("says what it understood", () => {
    expect(
      gradeMath(
        "\\frac{2}{4}",
        "no idea at all of what that might be, really, it is quite beyond what I can say",
      ),
    ).toEqual({
      equivalent: false,
      goldParsed: "1/2",
      // Parts between commas are an answer of several: in this order or another.
      predParsed: "{no idea at all of what that might be, really, it is quite beyond what I can say}",
    });
    expect(gradeMath("7", "").predParsed).toBeNull();
  });
});

describe("which words are the answer", () => {
  it("takes the last box that is not empty, and those that belong to it", () => {
    expect(boxedAnswer("\\boxed{1} then \\boxed{2}. Put it in \\boxed{}.")).toBe("2");
    expect(boxedAnswer("$\\boxed{1}$, $\\boxed{2}$ or $\\boxed{3}$")).toBe("1, 2, 3");
    expect(boxedAnswer("\\boxed{3} \\boxed{3}")).toBe("3");
    expect(boxedAnswer("none, \\boxed{broken")).toBeNull();
  });

  it("else what is said to be it", () => {
    expect(extractAnswer("The answer is: 18. Thanks.")).toBe("18");
    expect(extractAnswer("The answer is $\\frac12$ of it")).toBe("\\frac12");
    expect(extractAnswer("18 - 3 = 15\n#### 15")).toBe("15");
    expect(extractAnswer("no")).toBeNull();
    expect(lastNumber("from 3 to -1,234.5, I think.")).toBe("-1,234.5");
  });

  it("reads numbers and letters", () => {
    expect(gradeNumber("so 16 - 3 = 13", "13", { lastNumberCounts: true })).toEqual({
      answer: "13",
      correct: true,
    });
    expect(gradeNumber("so 13", "13", { lastNumberCounts: false })).toEqual({ answer: null, correct: false });
    expect(gradeNumber("\\boxed{1,234 \\text{ eggs}}", "1234", { lastNumberCounts: true }).correct).toBe(
      true,
    );
    expect(gradeNumber("The answer is 18 dollars a day", "18", { lastNumberCounts: true }).correct).toBe(
      true,
    );
    expect(gradeNumber("\\boxed{12} and 13", "13", { lastNumberCounts: true }).correct).toBe(false);
    expect(chosenLetter("\\boxed{\\textbf{(B)} 3}", "ABCD")).toBe("B");
    expect(chosenLetter("A or B? The answer is **C**.", "ABCD")).toBe("C");
    expect(chosenLetter("\\boxed{Because}", "ABCD")).toBeNull();
    expect(chosenLetter("\\boxed{E}", "ABCD")).toBeNull();
    expect(chosenLetter("A", "ABCD")).toBeNull();
  });
});
