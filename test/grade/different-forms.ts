/** Rewritings of an answer that change its meaning a little. */
import { intervalOf, items, NO_VALUE, replace, type Rewrite, WHOLE, without } from "./forms.ts";

/** A number by itself: not part of a longer one, and not the exponent of a unit. */
const FREE_NUMBER = /(?<![\d.,!])\d+(?![\d.,])(?!\s*$(?<=\}\^2))/u;

export const DIFFERENT: readonly Rewrite[] = [
  ["a number one higher", replace(FREE_NUMBER, ([number]) => String(Number(number) + 1))],
  ["a number tenfold and more", replace(FREE_NUMBER, ([number]) => `${Number(number) * 10 + 3}`)],
  [
    "upside down",
    replace(/\\[dt]?frac\{(\d+)\}\{(\d+)\}/u, ([whole, a, b]) => (a === b ? whole : `\\frac{${b}}{${a}}`)),
  ],
  [
    "minus in front",
    without(
      /^0*$|[a-z]=|_/u,
      replace(/^(?=\d|\\d?frac|\\sqrt)/u, () => "-"),
    ),
  ],
  ["another root", replace(/\\sqrt\{(\d+)\}/u, ([, a]) => `\\sqrt{${Number(a) + 1}}`)],
  ["cube root", replace(/\\sqrt\{(?!1\})/u, () => "\\sqrt[3]{")],
  ["plus for minus", replace(/(?<=[\w}]\s*)-(?=\s*[\w\\])/u, () => "+")],
  ["minus for plus", replace(/\+/u, () => "-")],
  ["a thousandth more", replace(WHOLE, ([whole]) => `${whole}.001`)],
  [
    "rounded to three digits",
    replace(/^\\[dt]?frac\{(\d+)\}\{(\d+)\}$/u, ([whole, a, b]) => {
      const exact = Number(a) / Number(b);
      const rounded = exact.toFixed(3);
      return Math.abs(Number(rounded) - exact) > 1e-5 ? rounded : whole;
    }),
  ],
  [
    "a third of it more",
    without(NO_VALUE, (answer) => (/^0$/u.test(answer) ? undefined : `\\frac{4 \\cdot (${answer})}{3}`)),
  ],
  [
    "another letter",
    without(
      /\\(?:text|mbox|in)|^[A-Za-z]{3}/u,
      replace(/(?<![\\a-zA-Z])[anprxyk](?![a-zA-Z])/u, () => "w"),
    ),
  ],
  [
    "squared",
    without(
      /^[01]$|[a-z]=/u,
      without(NO_VALUE, (answer) => `(${answer})^2`),
    ),
  ],
  ["the other bracket", replace(/\](?!.)/u, () => ")")],
  ["the other bracket in front", replace(/^\[/u, () => "(")],
  [
    "open where it was closed, as an inequality",
    (answer) => {
      const [open, low, high, close] = intervalOf(answer) ?? [];
      if (answer.includes("infty") || low === undefined || high === undefined) return undefined;
      return `${low} ${open === "[" ? "<" : "\\le"} x ${close === "]" ? "\\le" : "<"} ${high}`;
    },
  ],
  ["another last item", replace(/,[^,]+(?=\)$|\\\}$)/u, () => ",0.123")],
  ["without its last item", replace(/,[^,(){}[\]]+$/u, () => "")],
  ["one item more", replace(/(?<=^\\\{[^{}]+)\\\}$/u, () => ",9876\\}")],
  [
    "tuple in another order",
    replace(/^\(([^()\\]+)\)$/u, ([whole, inner = ""]) => {
      const parts = items(inner);
      const turned = parts?.toReversed();
      return turned === undefined || turned.join() === parts?.join() ? whole : `(${turned.join(",")})`;
    }),
  ],
  ["a tuple with one more", replace(/^\(([^()\\]+)\)$/u, ([, inner]) => `(${inner},9)`)],
  ["one of the two", replace(/^([^\\]+?)\s*\\pm\s*/u, ([, a]) => `${a} + `)],
  ["only one part of the union", replace(/\s*\\cup.*$/u, () => "")],
  ["columns exchanged", replace(/(-?\d+) & (-?\d+)/u, ([whole, a, b]) => (a === b ? whole : `${b} & ${a}`))],
  [
    "rows exchanged",
    replace(/(-?\d+) \\\\ (-?\d+)/u, ([whole, a, b]) => (a === b ? whole : `${b} \\\\ ${a}`)),
  ],
  ["twice pi", replace(/\\pi/u, () => "\\pi^2")],
  ["without pi", replace(/(?<=\d)\s*\\pi/u, () => "")],
  ["the imaginary unit away", replace(/(?<=\d)i\b/u, () => "")],
  [
    "another choice",
    replace(/^\\text\{\(([A-D])\)\}$/u, ([, letter]) => `\\text{(${letter === "A" ? "D" : "A"})}`),
  ],
  ["another word", replace(/^\\text\{([A-Za-z]{3,})\}$/u, () => "\\text{otherwise}")],
  ["another base", replace(/_\{?(\d)\}?$/u, ([, base]) => `_{${Number(base) === 9 ? 8 : Number(base) + 1}}`)],
  ["tenfold percent", replace(/^(\d+)\\%$/u, ([, a]) => `${Number(a) * 10}\\%`)],
  ["a wrong box after it", (answer) => `It is $\\boxed{${answer}}$. No, wait: it is $\\boxed{99887}$.`],
];
