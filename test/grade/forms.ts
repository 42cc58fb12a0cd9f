/** Parts of which the rewritings of answers are made. */
import type { Rng } from "../../src/core/rng.ts";

/** Rewrites an answer; undefined if there is nothing to rewrite. */
export type Rewrite = readonly [name: string, apply: (answer: string, rng: Rng) => string | undefined];

/** Replaces the part that `pattern` finds; undefined if it finds nothing. */
export const replace =
  (pattern: RegExp, by: (match: RegExpExecArray, rng: Rng) => string) =>
  (answer: string, rng: Rng): string | undefined => {
    const match = pattern.exec(answer);
    if (match === null) return undefined;
    return answer.slice(0, match.index) + by(match, rng) + answer.slice(match.index + match[0].length);
  };

/** Rewrites only answers in which `pattern` finds nothing. */
export const without =
  (pattern: RegExp, apply: Rewrite[1]): Rewrite[1] =>
  (answer, rng) =>
    pattern.test(answer) ? undefined : apply(answer, rng);

export const WHOLE = /^-?\d+$/u;
export const FRACTION = /\\[dt]?frac\{(\d+)\}\{(\d+)\}/u;
/** A single value: no list, relation, interval, words, unit, base, matrix or mixed number. */
export const NO_VALUE = /[,=<>&$%]|\\(?:text|mbox|in|cup|pm|circ|begin|infty)|_|\d\s*\\d?frac|^[A-Za-z]{3}/u;

/** The terms of `a - b + c` with their signs; undefined if it is no sum of several. */
export function terms(answer: string): string[] | undefined {
  if (NO_VALUE.test(answer)) return undefined;
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (const [index, character] of answer.split("").entries()) {
    if ("({[".includes(character)) depth += 1;
    if (")}]".includes(character)) depth -= 1;
    const ends = (character === "+" || character === "-") && depth === 0;
    if (ends && answer.slice(start, index).trim() !== "") {
      found.push(answer.slice(start, index).trim());
      start = index;
    }
  }
  found.push(answer.slice(start).trim());
  return found.length < 2 ? undefined : found;
}

/** The parts between the commas of a list, or of a text in brackets. */
export const items = (inner: string): string[] | undefined => {
  const parts = inner.split(",").map((part) => part.trim());
  return parts.length < 2 || /\d,\\!|\d,\d{3}\b/u.test(inner) ? undefined : parts;
};

/** A text that can only be an interval: one of its ends is closed, or infinite. */
const INTERVAL = /^(\(|\[)([^,]+),([^,]+)(\)|\])$/u;

export function intervalOf(answer: string): readonly [string, string, string, string] | undefined {
  const [, open, low, high, close] = INTERVAL.exec(answer.replace(/\\(?:left|right)\b/gu, "")) ?? [];
  if (open === undefined || low === undefined || high === undefined || close === undefined) return undefined;
  if (open === "(" && close === ")" && !answer.includes("infty")) return undefined;
  return [open, low.trim(), high.trim(), close];
}
