/** Pairs of answers for comparing graders: each answer in other words that mean the same, and in words that nearly do. Seeded. */
import type { Rng } from "../../src/core/rng.ts";

export interface AnswerPair {
  readonly gold: string;
  readonly pred: string;
  /** What was done to `gold`. */
  readonly rewrite: string;
}

type Rewrite = readonly [name: string, apply: (answer: string, rng: Rng) => string | undefined];

/** The part that `pattern` finds, replaced; undefined when it finds nothing. */
const replace =
  (pattern: RegExp, by: (match: RegExpExecArray, rng: Rng) => string) =>
  (answer: string, rng: Rng): string | undefined => {
    const match = pattern.exec(answer);
    if (match === null) return undefined;
    return answer.slice(0, match.index) + by(match, rng) + answer.slice(match.index + match[0].length);
  };

const WHOLE = /^-?\d+$/u;
const FRACTION = /\\[dt]?frac\{(\d+)\}\{(\d+)\}/u;
/** A number that stands for itself: no exponent, no index, no part of a longer one. */
const FREE_NUMBER = /(?<![\d.^_{,])\d+(?![\d.,])/u;

export const EQUIVALENT: readonly Rewrite[] = [
  ["as it is", (answer) => answer],
  ["dollars around", (answer) => `$${answer}$`],
  ["in a box", (answer) => `So the result is $\\boxed{${answer}}$.`],
  [
    "two boxes, the last counts",
    (answer) => `First I had $\\boxed{99887}$, which is not right. It is $\\boxed{${answer}}$`,
  ],
  ["dfrac", replace(/\\frac/u, () => "\\dfrac")],
  ["left and right", replace(/^\((.*)\)$/u, ([, inner = ""]) => `\\left(${inner}\\right)`)],
  ["spaces", replace(/,/u, () => ",\\ ")],
  ["zero behind", replace(/^-?\d+$/u, ([whole]) => `${whole}.0`)],
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
  [
    "root of a product",
    replace(/(?<![\d}{])(\d+)\s*\\sqrt\{(\d+)\}/u, ([, a, b]) => `\\sqrt{${Number(a) ** 2 * Number(b)}}`),
  ],
  ["dot", replace(/(\d)\s*(\\sqrt|\\pi)/u, ([, a, b]) => `${a}\\cdot ${b}`)],
  ["thousands", replace(/^\d{5,}$/u, ([whole]) => Number(whole).toLocaleString("en-US"))],
];

export const DIFFERENT: readonly Rewrite[] = [
  ["a number one higher", replace(FREE_NUMBER, ([number]) => String(Number(number) + 1))],
  ["a number tenfold", replace(FREE_NUMBER, ([number]) => `${Number(number) * 10 + 3}`)],
  [
    "upside down",
    replace(/\\[dt]?frac\{(\d+)\}\{(\d+)\}/u, ([whole, a, b]) => (a === b ? whole : `\\frac{${b}}{${a}}`)),
  ],
  ["minus in front", replace(/^(?=\d|\\frac|\\sqrt)/u, () => "-")],
  ["another root", replace(/\\sqrt\{(\d+)\}/u, ([, a]) => `\\sqrt{${Number(a) + 1}}`)],
  ["plus for minus", replace(/(?<=[\w}]\s*)-(?=\s*[\w\\])/u, () => "+")],
  ["minus for plus", replace(/\+/u, () => "-")],
  ["the other bracket", replace(/\](?!.)/u, () => ")")],
  ["without its last item", replace(/,[^,]+(?=\)$|\\\}$)/u, () => ",0.123")],
  ["twice pi", replace(/\\pi/u, () => "\\pi^2")],
];

/** `count` pairs, each answer and rewriting as often as the next; what changes nothing is no different pair. */
export function answerPairs(answers: readonly string[], count: number, rng: Rng): AnswerPair[] {
  const pairs = new Map<string, AnswerPair>();
  for (let round = 0; round < 60 && pairs.size < count; round++) {
    for (const gold of rng.shuffle([...answers])) {
      const [rewrite, apply] = rng.pick(rng.next() < 0.5 ? EQUIVALENT : DIFFERENT);
      const pred = apply(gold, rng);
      if (pred === undefined) continue;
      if (DIFFERENT.some(([name]) => name === rewrite) && pred === gold) continue;
      pairs.set(JSON.stringify([gold, pred]), { gold, pred, rewrite });
      if (pairs.size >= count) break;
    }
  }
  return [...pairs.values()];
}

/** `count` answers of the kinds in `patterns`: their whole numbers above 1 drawn anew. */
export function likeAnswers(patterns: readonly string[], count: number, rng: Rng): string[] {
  const answers = new Set(patterns);
  for (let turn = 0; answers.size < count && turn < count * 20; turn++) {
    const drawn = rng.pick(patterns).replace(/(?<![\d.^_,])\d+(?![\d.])/gu, (number) => {
      const digits = number.length;
      return Number(number) < 2
        ? number
        : String(rng.integer(Math.max(2, 10 ** (digits - 1)), 10 ** digits - 1));
    });
    answers.add(drawn);
  }
  return [...answers];
}
