/** Whether a trace ends in its row's answer, by what evaluation can tell: put into `data check`, which knows no graders. */
import type { Verdict } from "../data/check/index.ts";
import { lastBoxed } from "../eval/boxed.ts";
import type { TraceRow } from "../formats/trace-row.ts";

/**
 * The last `\boxed{}` against the row's answer. The same text, spelling apart, or the same number is right; two different numbers are wrong; anything else
 * is unknown, and so is a trace without a box.
 */
export function verifyAnswer({ trace, answer }: TraceRow): Verdict {
  const boxed = lastBoxed(trace);
  if (boxed === null || answer === undefined) return "unknown";
  const [left, right] = [plainSpelling(boxed), plainSpelling(answer)];
  if (left === right) return "right";
  const [a, b] = [asNumber(left), asNumber(right)];
  if (a === undefined || b === undefined) return "unknown";
  // Fractions are read as doubles: the same fraction in two spellings differs in its last digits at most.
  return Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a), Math.abs(b)) ? "right" : "wrong";
}

/** Without what changes the look of an answer and not its value. */
function plainSpelling(text: string): string {
  return text
    .trim()
    .replace(/^\$+|\$+$/gu, "")
    .replace(/\\(?:left|right|displaystyle|,|;|!|:|quad)(?![A-Za-z])/gu, "")
    .replace(/\\[dt]frac/gu, "\\frac")
    .replace(/(?<=\d),(?=\d{3}(?:\D|$))/gu, "")
    .replace(/\s+/gu, "")
    .replace(/\.$/u, "");
}

function asNumber(text: string): number | undefined {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)$/u.test(text)) return Number(text);
  const fraction = /^([+-]?)\\frac\{(\d+)\}\{(\d+)\}$/u.exec(text) ?? /^([+-]?)(\d+)\/(\d+)$/u.exec(text);
  if (fraction === null || Number(fraction[3]) === 0) return undefined;
  return ((fraction[1] === "-" ? -1 : 1) * Number(fraction[2])) / Number(fraction[3]);
}
