/** Compares two answers where a wrong verdict has a price: the same, different, or unknown. */
import { type Answer, parseAnswer } from "./answer.ts";
import { sameAnswer } from "./compare.ts";
import { isFinite } from "./complex.ts";
import { freeSymbols, valueAt } from "./evaluate.ts";

/**
 * `same` and `different` are those of `gradeMath`. An answer may not be understood as mathematics: words, a formula beyond the bounds, a division
 * by 0. Then the verdict is `unknown`, unless both are written alike. Both must be answers, not texts that give one. Never throws.
 */
export function compareAnswers(gold: string, pred: string): "same" | "different" | "unknown" {
  const [left, right] = [parseAnswer(gold), parseAnswer(pred)];
  if (sameAnswer(left, right)) return "same";
  return isUnderstood(left) && isUnderstood(right) ? "different" : "unknown";
}

function isUnderstood(answer: Answer): boolean {
  switch (answer.kind) {
    case "value":
      // A name in words may be an unknown function.
      if (/\\(?:operatorname|text|mathrm|mbox)/u.test(answer.text)) return false;
      return freeSymbols(answer.expression).size > 0 || hasValue(answer.expression);
    case "group":
    case "set":
    case "union":
      return answer.items.every(isUnderstood);
    case "matrix":
      return answer.rows.every((row) => row.every(isUnderstood));
    case "relation":
      return (answer.left.kind === "words" || isUnderstood(answer.left)) && isUnderstood(answer.right);
    case "words":
      // The letter of a choice.
      return /^[a-z]$/u.test(answer.text);
    default:
      return answer satisfies never;
  }
}

function hasValue(expression: Extract<Answer, { kind: "value" }>["expression"]): boolean {
  const value = valueAt(expression, new Map());
  return isFinite(value) || value.re === Number.POSITIVE_INFINITY || value.re === Number.NEGATIVE_INFINITY;
}
