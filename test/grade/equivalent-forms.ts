/** Rewritings of an answer that keep its meaning. */
import {
  FRACTION,
  intervalOf,
  items,
  NO_VALUE,
  replace,
  type Rewrite,
  terms,
  WHOLE,
  without,
} from "./forms.ts";

export const EQUIVALENT: readonly Rewrite[] = [
  ["as it is", (answer) => answer],
  ["dollars around", (answer) => (answer.startsWith("\\$") ? undefined : `$${answer}$`)],
  ["in a box", (answer) => `So the result is $\\boxed{${answer}}$.`],
  [
    "two boxes, the last counts",
    (answer) => `First I had $\\boxed{99887}$, which is not right. It is $\\boxed{${answer}}$`,
  ],
  [
    "a box for each item",
    (answer) =>
      /^[^()[\]{}]+$/u.test(answer)
        ? items(answer)
            ?.map((item) => `$\\boxed{${item}}$`)
            .join(" and ")
        : undefined,
  ],
  ["dfrac", replace(/\\frac/u, () => "\\dfrac")],
  ["left and right", replace(/^\(([^()]*)\)$/u, ([, inner = ""]) => `\\left(${inner}\\right)`)],
  ["spaces", replace(/,(?!\\!|\d{3}\b)/u, () => ",\\ ")],
  ["zero after it", replace(WHOLE, ([whole]) => `${whole}.0`)],
  [
    "as a quotient",
    replace(WHOLE, ([whole], rng) => {
      const k = rng.integer(2, 9);
      return `\\frac{${Number(whole) * k}}{${k}}`;
    }),
  ],
  [
    "as a sum",
    replace(WHOLE, ([whole], rng) => {
      const k = rng.integer(1, 40);
      return `${Number(whole) - k} + ${k}`;
    }),
  ],
  [
    "as a product",
    replace(/^\d+$/u, ([whole]) => {
      const factor = [2, 3, 5, 7].find((prime) => Number(whole) % prime === 0) ?? 1;
      return `${factor} \\times ${Number(whole) / factor}`;
    }),
  ],
  [
    "with a power of ten",
    replace(/^(\d+?)(0{2,})$/u, ([, head, zeros = ""]) => `${head} \\times 10^{${zeros.length}}`),
  ],
  ["thousands", replace(/^\d{4,}$/u, ([whole]) => Number(whole).toLocaleString("en-US"))],
  [
    "fraction not in lowest terms",
    replace(FRACTION, ([, a, b], rng) => {
      const k = rng.integer(2, 9);
      return `\\frac{${Number(a) * k}}{${Number(b) * k}}`;
    }),
  ],
  [
    "slash",
    (answer) =>
      /^-?\\[dt]?frac\{\d+\}\{\d+\}$/u.test(answer) ? answer.replace(FRACTION, "$1/$2") : undefined,
  ],
  ["minus within the fraction", replace(/^-\\[dt]?frac\{/u, () => "\\frac{-")],
  [
    "decimal for a fraction",
    replace(/^\\[dt]?frac\{(\d+)\}\{(\d+)\}$/u, ([whole, a, b]) => {
      const value = String(Number(a) / Number(b));
      return value.length <= 8 ? value : whole;
    }),
  ],
  [
    "mixed number",
    replace(/^\\[dt]?frac\{(\d+)\}\{(\d+)\}$/u, ([whole, a, b]) => {
      const [top, bottom] = [Number(a), Number(b)];
      return top > bottom && top % bottom > 0
        ? `${Math.floor(top / bottom)}\\frac{${top % bottom}}{${bottom}}`
        : whole;
    }),
  ],
  [
    "root of a product",
    replace(/(?<![\d}{^])(\d+)\s*\\sqrt\{(\d+)\}/u, ([, a, b]) => `\\sqrt{${Number(a) ** 2 * Number(b)}}`),
  ],
  [
    "root in the denominator",
    replace(/\\frac\{\\sqrt\{(\d+)\}\}\{(\d+)\}/u, ([, a, b]) => `\\frac{${a}}{${b}\\sqrt{${a}}}`),
  ],
  ["root as a power", replace(/(?<![\d\s])\\sqrt\{(\d+)\}/u, ([, a]) => `${a}^{1/2}`)],
  ["dot", replace(/(\d)\s*(\\sqrt|\\pi)/u, ([, a, b]) => `${a}\\cdot ${b}`)],
  [
    "terms in another order",
    (answer) =>
      terms(answer)
        ?.toReversed()
        .map((term, index) => (index === 0 || /^[+-]/u.test(term) ? term : `+${term}`))
        .join(" ")
        .replace(/^\+\s*/u, ""),
  ],
  ["twice it, halved", without(NO_VALUE, (answer) => `\\frac{2 \\cdot (${answer})}{2}`)],
  ["three more and three less", without(NO_VALUE, (answer) => `(${answer} + 3) - 3`)],
  [
    "square as a product",
    replace(/(?<![\\a-zA-Z])([a-zA-Z])\^2(?!\d)/u, ([, name]) => `${name} \\cdot ${name}`),
  ],
  ["with a name", without(/[=<>,]|\\(?:text|in|cup|begin|pm)/u, (answer) => `v = ${answer}`)],
  ["without its name", replace(/^[xy]\s*=\s*/u, () => "")],
  [
    "sides exchanged",
    replace(/^([^=]+)=([^=]+)$/u, ([, left = "", right = ""]) => `${right.trim()} = ${left.trim()}`),
  ],
  [
    "all on one side",
    replace(/^(y)\s*=\s*([^=]+)$/u, ([, left, right = ""]) => `${left} - (${right.trim()}) = 0`),
  ],
  [
    "both sides threefold",
    replace(/^([^=]+)=([^=]+)$/u, ([, left = "", right = ""]) => `3(${left.trim()}) = 3(${right.trim()})`),
  ],
  [
    "set in another order",
    replace(/^\\\{([^{}\\]+)\\\}$/u, ([whole, inner = ""]) => {
      const parts = items(inner);
      return parts === undefined ? whole : `\\{${parts.toReversed().join(", ")}\\}`;
    }),
  ],
  [
    "list in another order",
    (answer) => (/^[^()[\]{}]+$/u.test(answer) ? items(answer)?.toReversed().join(", ") : undefined),
  ],
  [
    "plus or minus written out",
    replace(/^([^\\]+?)\s*\\pm\s*(.+)$/u, ([, a, b]) => `${a} + ${b}, ${a} - ${b}`),
  ],
  [
    "interval as an inequality",
    (answer) => {
      const [open, low, high, close] = intervalOf(answer) ?? [];
      if (open === undefined || low === undefined || high === undefined) return undefined;
      const [left, right] = [open === "[" ? "\\le" : "<", close === "]" ? "\\le" : "<"];
      if (low.includes("infty")) return high.includes("infty") ? undefined : `x ${right} ${high}`;
      return high.includes("infty")
        ? `x ${left === "<" ? ">" : "\\ge"} ${low}`
        : `${low} ${left} x ${right} ${high}`;
    },
  ],
  [
    "element of the interval",
    (answer) => (intervalOf(answer) === undefined ? undefined : `x \\in ${answer}`),
  ],
  [
    "union in another order",
    replace(/^(.+?)\s*\\cup\s*([^\\].+)$/u, ([, left, right]) => `${right} \\cup ${left}`),
  ],
  [
    "square brackets of a matrix",
    (answer) => (answer.includes("pmatrix") ? answer.replaceAll("pmatrix", "bmatrix") : undefined),
  ],
  [
    "quotients in a matrix",
    (answer) =>
      answer.includes("matrix") && /\d\/\d/u.test(answer)
        ? answer.replaceAll(/(\d+)\/(\d+)/gu, "\\frac{$1}{$2}")
        : undefined,
  ],
  ["unit after it", replace(/^\d+$/u, ([whole]) => `${whole}\\text{ cm}`)],
  ["square unit after it", replace(/^\d+$/u, ([whole]) => `${whole} \\text{ cm}^2`)],
  ["without its unit", replace(/\s*\\(?:text|mbox)\{ [a-z]+\}(?:\^2)?$/u, () => "")],
  ["without the degree sign", replace(/\^\\circ$/u, () => "")],
  ["degrees in words", replace(/\^\\circ$/u, () => " \\text{ degrees}")],
  ["without the currency", replace(/^\\\$/u, () => "")],
  ["percent as a decimal", replace(/^(\d+)\\%$/u, ([, a]) => String(Number(a) / 100))],
  ["without the percent sign", replace(/\\%$/u, () => "")],
  ["words without command", replace(/^\\text\{([A-Za-z]+)\}$/u, ([, word = ""]) => word)],
  ["letter without brackets", replace(/^\\text\{\(([A-Z])\)\}$/u, ([, letter = ""]) => `\\text{${letter}}`)],
  ["braces around the base", replace(/_(\d)$/u, ([, base]) => `_{${base}}`)],
  ["full stop", (answer) => (answer.startsWith("\\$") ? undefined : `$${answer}$.`)],
];
