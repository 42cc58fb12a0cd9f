/** Finds the answer in a text. The text is generated output: a prompt, and a box in it, is never looked at. */
import { boxAt } from "./boxed.ts";

/** Number of boxes that are looked at, from the last one back. */
const MAX_BOXES = 50;
/** Most characters between two boxes of one answer. */
const MAX_GAP = 40;
/** Text between the boxes of one answer, as in `\boxed{1} and \boxed{2}`. */
const GAP = /^(?:[\s,;$]|\\[()[\]]|and|or)*$/u;
const SAID_LENGTH = 300;

/**
 * Returns the last `\boxed{}` that is not empty, together with those directly before it ("\boxed{1} and \boxed{2}" is "1, 2"). Without a box it
 * returns what follows the last "answer is", "answer:" or "####" (as GSM8K writes it). Null without any of these.
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
      // A box around another box is not its neighbour.
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

/** The last number in a text as it is written, e.g. `-1,234.5`; null without one. */
export function lastNumber(text: string): string | null {
  // The end of the text is enough: an unmarked answer is in its last words.
  const numbers = text.slice(-2000).match(/-?\d[\d,]*(?:\.\d+)?|-?\.\d+/gu);
  return numbers?.at(-1)?.replace(/,+$/u, "") ?? null;
}
