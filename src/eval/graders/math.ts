/** The mathematical grader: decides whether an answer is equivalent to the reference. */
import { type Answer, parseAnswer } from "./answer.ts";
import { MAX_ANSWER_LENGTH } from "./clean.ts";
import { sameAnswer } from "./compare.ts";
import { boxedAnswer, extractAnswer } from "./extract.ts";
import { exactValue } from "./evaluate.ts";
import { showRational } from "./rational.ts";

export interface MathGrade {
  readonly equivalent: boolean;
  /** The parsed answer as text for people; null without an answer. */
  readonly goldParsed: string | null;
  readonly predParsed: string | null;
}

/**
 * Each side is an answer (`\frac{1}{2}`) or a text that gives one (see `extractAnswer`). Never throws, and always ends: sizes are bounded before
 * anything is parsed. No step looks at a clock, so the result is the same on every machine.
 */
export function gradeMath(gold: string, pred: string): MathGrade {
  const [goldAnswer, predAnswer] = [answerIn(gold), answerIn(pred)];
  const goldParsed = goldAnswer === null ? null : parseAnswer(goldAnswer);
  const predParsed = predAnswer === null ? null : parseAnswer(predAnswer);
  return {
    equivalent: goldParsed !== null && predParsed !== null && sameAnswer(goldParsed, predParsed),
    goldParsed: goldParsed && showAnswer(goldParsed),
    predParsed: predParsed && showAnswer(predParsed),
  };
}

/** A text without a marked answer may itself be one, if it is no longer than this. */
function answerIn(text: string): string | null {
  const boxed = boxedAnswer(text);
  if (boxed !== null) return boxed;
  const trimmed = text.trim();
  const sentence =
    trimmed.includes("\n") || /(?:[a-z]{2,} ){2}|answer|####/iu.test(trimmed.replace(/\\[a-z]+\s/giu, ""));
  if (!sentence && trimmed.length <= MAX_ANSWER_LENGTH) return trimmed === "" ? null : trimmed;
  return extractAnswer(text) ?? (trimmed.length > 0 && trimmed.length <= 100 ? trimmed : null);
}

/** Writes an answer in one line: brackets as they are, fractions in lowest terms, words in quotation marks. */
function showAnswer(answer: Answer): string {
  switch (answer.kind) {
    case "value": {
      const exact = exactValue(answer.expression);
      return (exact === undefined ? answer.text : showRational(exact)) + (answer.percent ? "%" : "");
    }
    case "group":
      return `${answer.open}${answer.items.map(showAnswer).join(", ")}${answer.close}`;
    case "set":
      return `{${answer.items.map(showAnswer).join(", ")}}`;
    case "union":
      return answer.items.map(showAnswer).join(" union ");
    case "matrix":
      return `[${answer.rows.map((row) => `[${row.map(showAnswer).join(", ")}]`).join(", ")}]`;
    case "relation":
      return `${showAnswer(answer.left)} ${answer.operator} ${showAnswer(answer.right)}`;
    case "words":
      return JSON.stringify(answer.text);
    default:
      return answer satisfies never;
  }
}
