/** The grader of tasks whose answers are single numbers (AIME, GSM8K). */
import { exactValue } from "./evaluate.ts";
import { parseAnswer } from "./answer.ts";
import { boxedAnswer, extractAnswer, lastNumber } from "./extract.ts";
import { gradeMath } from "./math.ts";

export interface NumberOptions {
  /** Whether the last number of a text counts if there is neither a box nor "answer is". */
  readonly lastNumberCounts: boolean;
}

/** Finds the answer of a text, and decides whether it is the number `gold`. Never throws. */
export function gradeNumber(
  text: string,
  gold: string,
  { lastNumberCounts }: NumberOptions,
): { readonly answer: string | null; readonly correct: boolean } {
  const boxed = boxedAnswer(text);
  const said = boxed ?? (lastNumberCounts ? saidNumber(text) : extractAnswer(text));
  if (said === null) return { answer: null, correct: false };
  return { answer: said, correct: gradeMath(gold, said).equivalent };
}

/** Looks in the marked answer ("the answer is 18 dollars a day"), else in the text. */
function saidNumber(text: string): string | null {
  const said = extractAnswer(text);
  if (said === null) return lastNumber(text);
  const parsed = parseAnswer(said);
  if (parsed.kind === "value" && exactValue(parsed.expression) !== undefined) return said;
  return /-?\d[\d,]*(?:\.\d+)?/u.exec(said)?.[0] ?? lastNumber(text);
}
