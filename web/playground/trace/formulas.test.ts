import { describe, expect, it } from "vitest";

import { endsInDisplayMath, findFormulas, MAX_FORMULA_CHARACTERS } from "./formulas.ts";

const sources = (text: string): string[] => findFormulas(text).map(({ source }) => source);

describe("findFormulas", () => {
  it.each([
    ["$x^2$", ["x^2"]],
    ["a $x$, $y$ b", ["x", "y"]],
    ["$$x$$", ["x"]],
    ["\\(a\\) and \\[b\\]", ["a", "b"]],
    ["is \\boxed{\\frac{1}{2}}.", ["\\boxed{\\frac{1}{2}}"]],
    ["$\\$5$", ["\\$5"]],
    ["$\\boxed{4}$", ["\\boxed{4}"]],
  ])("finds them in %s", (text, expected) => {
    expect(sources(text)).toEqual(expected);
  });

  it.each(["$5 and $6", "5$", "$ x$", "$x $", "\\(open", "$$ $$", "\\boxed{open", "$a\nb$", "\\[\\]"])(
    "leaves %j as it is",
    (text) => expect(sources(text)).toEqual([]),
  );

  it("says where they are and which stand alone", () => {
    const text = "so \\[x\\] or $y$!";
    const found = findFormulas(text);
    expect(found.map(({ start, end }) => text.slice(start, end))).toEqual(["\\[x\\]", "$y$"]);
    expect(found.map(({ display }) => display)).toEqual([true, false]);
  });

  it("takes bounded ones only, in bounded time", () => {
    const long = "x".repeat(MAX_FORMULA_CHARACTERS + 1);
    expect(sources(`$${long}$ \\(${long}\\) \\boxed{${long}}`)).toEqual([]);
    const startMs = performance.now();
    findFormulas("$a\\(".repeat(20_000));
    findFormulas("\\boxed{".repeat(20_000));
    expect(performance.now() - startMs).toBeLessThan(5000);
  });
});

describe("endsInDisplayMath", () => {
  it.each([
    ["text", false],
    ["\\[ x", true],
    ["\\[ x \\]", false],
    ["$$ x", true],
    ["$$ x $$", false],
    [`\\[ ${"x".repeat(3 * MAX_FORMULA_CHARACTERS)}`, false],
  ])("%j: %s", (text, expected) => expect(endsInDisplayMath(text)).toBe(expected));
});
