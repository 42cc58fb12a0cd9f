/** Decides whether two answers mean the same. Their sizes bound the work, and nothing here looks at a clock. */
import { hash32 } from "../../core/rng.ts";
import { type Answer } from "./answer.ts";
import { plainWords } from "./clean.ts";
import { type Complex, complex, isFinite, minus, modulus, over, scale } from "./complex.ts";
import { exactValue, freeSymbols, hasDecimal, valueAt } from "./evaluate.ts";
import type { Expression } from "./expression.ts";
import { divide, equal, type Rational, terminates, toNumber } from "./rational.ts";

/** Relative difference below which two doubles are the same number. Rounding in expressions of this size stays far below it. */
const DOUBLE_TOLERANCE = 1e-9;
/** Relative difference below which a decimal stands for a value that no decimal can write: 0.333333 for 1/3. */
const DECIMAL_TOLERANCE = 2e-6;

export function sameAnswer(gold: Answer, pred: Answer): boolean {
  if (gold.kind === "relation" && pred.kind === "relation") return sameRelation(gold, pred);
  if (gold.kind === "relation") return isNaming(gold) && sameAnswer(gold.right, pred);
  if (pred.kind === "relation") return isNaming(pred) && sameAnswer(gold, pred.right);
  if (gold.kind === "words" || pred.kind === "words") return sameWords(gold, pred);
  if (gold.kind === "value" && pred.kind === "value") return sameValue(gold, pred);
  if (gold.kind === "set" && pred.kind === "set") return sameInAnyOrder(gold.items, pred.items);
  if (gold.kind === "union" && pred.kind === "union") return sameInAnyOrder(gold.items, pred.items);
  if (gold.kind === "matrix" && pred.kind === "matrix") {
    return sameInOrder(gold.rows.length, pred.rows.length, (row) => {
      const [a = [], b = []] = [gold.rows[row], pred.rows[row]];
      return sameItems(a, b);
    });
  }
  if (gold.kind === "group" && pred.kind === "group") {
    return sameBrackets(gold, pred) && sameItems(gold.items, pred.items);
  }
  return sameAcrossShapes(gold, pred) || sameAcrossShapes(pred, gold);
}

/** `{5}` and `5`; `(1,2)` and `1,2`; a column or a row and a tuple. */
function sameAcrossShapes(a: Answer, b: Answer): boolean {
  if (a.kind === "set" && a.items.length === 1) {
    const [only] = a.items;
    return only !== undefined && b.kind !== "set" && sameAnswer(only, b);
  }
  if (a.kind !== "group" || a.open !== "(" || a.close !== ")") return false;
  if (b.kind === "set" && !b.braces) return sameItems(a.items, b.items);
  if (b.kind !== "matrix") return false;
  const line = b.rows.length === 1 ? b.rows[0] : b.rows.map(([only]) => only);
  const flat = b.rows.length === 1 || b.rows.every(({ length }) => length === 1);
  return (
    flat &&
    line !== undefined &&
    sameItems(
      a.items,
      line.filter((item) => item !== undefined),
    )
  );
}

type Group = Extract<Answer, { kind: "group" }>;

/** How an interval closes does not matter at an infinite end. */
function sameBrackets(a: Group, b: Group): boolean {
  const infinite = (item: Answer | undefined): boolean => {
    if (item?.kind !== "value") return false;
    const { re } = valueAt(item.expression, new Map());
    return re === Number.POSITIVE_INFINITY || re === Number.NEGATIVE_INFINITY;
  };
  return (
    (a.open === b.open || (infinite(a.items[0]) && infinite(b.items[0]))) &&
    (a.close === b.close || (infinite(a.items.at(-1)) && infinite(b.items.at(-1))))
  );
}

const sameItems = (a: readonly Answer[], b: readonly Answer[]): boolean =>
  sameInOrder(a.length, b.length, (index) => {
    const [left, right] = [a[index], b[index]];
    return left !== undefined && right !== undefined && sameAnswer(left, right);
  });

const sameInOrder = (length: number, other: number, same: (index: number) => boolean): boolean =>
  length === other && Array.from({ length }, (_, index) => index).every(same);

function sameInAnyOrder(a: readonly Answer[], b: readonly Answer[]): boolean {
  const [left, right] = [distinct(a), distinct(b)];
  const rest = [...right];
  return (
    left.length === right.length &&
    left.every((item) => {
      const found = rest.findIndex((candidate) => sameAnswer(item, candidate));
      if (found >= 0) rest.splice(found, 1);
      return found >= 0;
    })
  );
}

const distinct = (items: readonly Answer[]): readonly Answer[] =>
  items.filter((item, index) => items.findIndex((other) => sameAnswer(item, other)) === index);

function sameWords(a: Answer, b: Answer): boolean {
  const textOf = (answer: Answer): string | undefined =>
    answer.kind === "words" ? answer.text : answer.kind === "value" ? plainWords(answer.text) : undefined;
  const [left, right] = [textOf(a), textOf(b)];
  return left !== undefined && left !== "" && left === right;
}

type RelationAnswer = Extract<Answer, { kind: "relation" }>;

const isNaming = ({ operator, left }: RelationAnswer): boolean =>
  operator === "=" && (left.kind === "words" || (left.kind === "value" && left.expression.kind === "symbol"));

const TURNED = { "=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

function sameRelation(a: RelationAnswer, b: RelationAnswer): boolean {
  if (a.operator === b.operator && sameAnswer(a.left, b.left) && sameAnswer(a.right, b.right)) return true;
  if (a.operator === TURNED[b.operator] && sameAnswer(a.left, b.right) && sameAnswer(a.right, b.left))
    return true;
  if (isNaming(a) && isNaming(b) && a.left.kind !== b.left.kind) return sameAnswer(a.right, b.right);
  const [left, right] = [difference(a), difference(b)];
  if (left === undefined || right === undefined) return false;
  if (a.operator === b.operator && proportional(left, right, a.operator === "=" || a.operator === "!="))
    return true;
  return (
    a.operator === TURNED[b.operator] &&
    proportional(left, { kind: "call", operator: "Negate", operands: [right] }, a.operator === "=")
  );
}

const difference = ({ left, right }: RelationAnswer): Expression | undefined =>
  left.kind === "value" && right.kind === "value"
    ? { kind: "call", operator: "Subtract", operands: [left.expression, right.expression] }
    : undefined;

/** Whether one side is the other times a number that is not 0, and above 0 unless `anySign`. */
function proportional(a: Expression, b: Expression, anySign: boolean): boolean {
  const symbols = [...freeSymbols(b, freeSymbols(a))];
  if (symbols.length === 0) return false;
  const ratios = POINTS.map((point) => {
    const values = valuesAt(symbols, point);
    return over(valueAt(a, values), valueAt(b, values));
  }).filter(isFinite);
  const [first] = ratios;
  if (first === undefined || ratios.length < 2 || modulus(first) === 0) return false;
  if (!anySign && first.re < 0) return false;
  return ratios.every((ratio) => modulus(minus(ratio, first)) <= DOUBLE_TOLERANCE * modulus(first));
}

type Value = Extract<Answer, { kind: "value" }>;

/** 15% is 0.15, and also 15 if only one side has the sign. */
function sameValue(gold: Value, pred: Value): boolean {
  if (gold.percent === pred.percent) return sameExpression(gold.expression, pred.expression);
  const [percent, plain] = gold.percent ? [gold, pred] : [pred, gold];
  if (sameExpression(gold.expression, pred.expression)) return true;
  const hundred: Expression = { kind: "number", value: { numerator: 100n, denominator: 1n }, decimal: false };
  const share: Expression = { kind: "call", operator: "Divide", operands: [percent.expression, hundred] };
  return sameExpression(share, plain.expression);
}

/** Compares as exact fractions if both are; else in doubles, at several points. */
function sameExpression(a: Expression, b: Expression): boolean {
  const symbols = [...freeSymbols(b, freeSymbols(a))];
  const [left, right] = [exactValue(a), exactValue(b)];
  const decimals = hasDecimal(a) || hasDecimal(b);
  if (left !== undefined && right !== undefined) {
    return equal(left, right) || (decimals && sameRounded(left, hasDecimal(a), right, hasDecimal(b)));
  }
  const loose = decimals && symbols.length === 0 && hasDecimal(a) !== hasDecimal(b);
  const tolerance = loose ? DECIMAL_TOLERANCE : DOUBLE_TOLERANCE;
  let compared = 0;
  for (const point of symbols.length === 0 ? POINTS.slice(0, 1) : POINTS) {
    const values = valuesAt(symbols, point);
    const [x, y] = [valueAt(a, values), valueAt(b, values)];
    if (infinite(x) || infinite(y)) {
      if (symbols.length > 0) continue;
      return x.re === y.re && x.im === y.im;
    }
    if (isFinite(x) !== isFinite(y)) return false;
    if (!isFinite(x)) continue;
    compared += 1;
    if (modulus(minus(x, y)) > tolerance * Math.max(modulus(x), modulus(y))) {
      // Both are 0, apart from rounding.
      if (modulus(x) > 1e-13 || modulus(y) > 1e-13) return false;
    }
  }
  return compared >= (symbols.length === 0 ? 1 : 2);
}

/** Values that decimals can write must be equal. Only a value that no decimal can write may be rounded. */
function sameRounded(a: Rational, aDecimal: boolean, b: Rational, bDecimal: boolean): boolean {
  if (aDecimal === bDecimal || terminates(aDecimal ? b : a)) return false;
  const ratio = divide(a, b);
  return ratio !== undefined && Math.abs(toNumber(ratio) - 1) <= DECIMAL_TOLERANCE;
}

const infinite = ({ re }: Complex): boolean =>
  re === Number.POSITIVE_INFINITY || re === Number.NEGATIVE_INFINITY;

type Point = (hash: number) => Complex;

/** Values of a symbol by the hash of its name: above 0, below 0 and complex ones, so that |x|, x and sqrt(x^2) differ. */
const POINTS: readonly Point[] = [
  (hash) => complex(0.3 + hash),
  (hash) => complex(1.7 + 2 * hash),
  (hash) => scale(complex(0.4 + 1.3 * hash), -1),
  (hash) => complex(0.9 - hash, 0.35 + 0.8 * hash),
];

const valuesAt = (symbols: readonly string[], point: Point): ReadonlyMap<string, Complex> =>
  new Map(symbols.map((name) => [name, point(hash32(name) / 2 ** 32)]));
