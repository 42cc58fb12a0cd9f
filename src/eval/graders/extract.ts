/** Which words of a text are its answer. The text is what was generated: a prompt, and a box in it, is never looked at. */
import { boxAt } from "./boxed.ts";

/** Boxes, from the last one back, that are looked at. */
const MAX_BOXES = 50;
/** Characters between two boxes that are one answer. */
const MAX_GAP = 40;
/** What may stand between boxes that are one answer, as in `\boxed{1} and \boxed{2}`. */
const GAP = /^(?:[\s,;$]|\\[()[\]]|and|or)*$/u;
const SAID_LENGTH = 300;

/**
 * The last `\boxed{}` that is not empty, together with those directly before it ("\boxed{1} and \boxed{2}" is "1, 2"); without a box
 * what follows the last "answer is" or "answer:", or the last "####" (as GSM8K writes it). Null when there is none of these.
 */
export function extractAnswer(text: string): string | null {
  return boxedAnswer(text) ?? saidAnswer(text);
}

/** The first half of {@link extractAnswer}. */
export function boxedAnswer(text: string): string | null {
  const run: string[] = [];
  let from = text.length;
  let next: number | undefined;
  for (let looked = 0; looked < MAX_BOXES && from >= 0; looked++) {
    const start = Math.max(text.lastIndexOf("\\boxed", from), text.lastIndexOf("\\fbox", from));
    if (start < 0) break;
    from = start - 1;
    const box = boxAt(text, start);
    if (box === undefined || box.content.trim() === "") {
      if (next === undefined) continue;
      break;
    }
    if (next !== undefined) {
      const gap = text.slice(box.end, Math.max(box.end, next));
      // A box around a box is not a neighbour of it.
      if (box.end > next || gap.length > MAX_GAP || !GAP.test(gap)) break;
    }
    run.unshift(box.content.trim());
    next = start;
  }
  return run.length === 0 ? null : [...new Set(run)].join(", ");
}

function saidAnswer(text: string): string | null {
  const lower = text.toLowerCase();
  const marks = ["answer is", "answer:", "answer =", "answer:**", "####"].map((mark) => ({
    at: lower.lastIndexOf(mark),
    mark,
  }));
  const last = marks.reduce((best, mark) => (mark.at >= best.at ? mark : best), { at: -1, mark: "" });
  if (last.at < 0) return null;
  const start = last.at + last.mark.length;
  const line = text.slice(start, start + SAID_LENGTH).replace(/^[\s:*]+/u, "");
  const said = (line.split("\n")[0] ?? "").replaceAll("**", "").trim();
  const quoted = /^\$\$?([^$]+)\$/u.exec(said)?.[1] ?? /^\\[([](.+?)\\[)\]]/u.exec(said)?.[1];
  const answer = (quoted ?? said.replace(/\.\s+.*$/u, "").replace(/\.$/u, "")).trim();
  return answer === "" ? null : answer;
}

/** The last number in a text as it is written, e.g. `-1,234.5`; null when there is none. */
export function lastNumber(text: string): string | null {
  // The end of a text is enough: an answer that nothing marks stands in its last words.
  const numbers = text.slice(-2000).match(/-?\d[\d,]*(?:\.\d+)?|-?\.\d+/gu);
  return numbers?.at(-1)?.replace(/,+$/u, "") ?? null;
}
