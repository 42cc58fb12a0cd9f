/** Which part of a text may be graded. A text that a limit ended is unfinished: its last words are no answer. */
import { partialMarkerLength } from "../../tags/partial.ts";
import { boxAt } from "./boxed.ts";

/** The ways of ending in which the model would have written more. */
const CUT: ReadonlySet<string> = new Set(["length", "context-full"]);

/** Whether a limit ended the text. */
export const isCut = (finishReason: string): boolean => CUT.has(finishReason);

/** Fewest characters of a box's beginning at the end of a text: `\bo`. */
const SHORTEST_BEGINNING = 3;
const SAID = /answer is|answer:|answer =|####/iu;

/**
 * The part of a text that may hold its answer; null if a limit cut the text before one. A cut text counts up to a box that is closed, or, without
 * boxes, in whole lines that say the answer. A box that is open at the cut may have been meant to replace an earlier one, so neither counts.
 */
export function gradedPart(text: string, finishReason: string): string | null {
  if (!isCut(finishReason)) return text;
  if (partialMarkerLength(text, ["\\boxed{", "\\fbox{"]) >= SHORTEST_BEGINNING) return null;
  const box = Math.max(text.lastIndexOf("\\boxed"), text.lastIndexOf("\\fbox"));
  if (box >= 0) return boxAt(text, box) === undefined ? null : text;
  const lines = text.slice(0, text.lastIndexOf("\n") + 1);
  return SAID.test(lines) ? lines : null;
}
