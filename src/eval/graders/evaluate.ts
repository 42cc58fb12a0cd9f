/** Evaluates expressions: exactly if the value is a fraction, else in doubles at given values of the symbols. */
import {
  type Complex,
  complex,
  cosine,
  exponential,
  logarithm,
  minus,
  modulus,
  NOT_A_NUMBER,
  over,
  plus,
  raise,
  scale,
  sine,
  squareRoot,
  times,
} from "./complex.ts";
import type { Expression } from "./expression.ts";
import { add, divide, multiply, negate, power, type Rational, toNumber } from "./rational.ts";

const CONSTANTS: ReadonlyMap<string, Complex> = new Map([
  ["Pi", complex(Math.PI)],
  ["e", complex(Math.E)],
  ["ExponentialE", complex(Math.E)],
  ["i", complex(0, 1)],
  ["ImaginaryUnit", complex(0, 1)],
  ["PositiveInfinity", complex(Number.POSITIVE_INFINITY)],
  ["NegativeInfinity", complex(Number.NEGATIVE_INFINITY)],
]);

/** Symbols that stand for any value. */
export function freeSymbols(expression: Expression, found = new Set<string>()): Set<string> {
  if (expression.kind === "symbol" && !CONSTANTS.has(expression.name)) found.add(expression.name);
  if (expression.kind === "call") for (const operand of expression.operands) freeSymbols(operand, found);
  return found;
}

/** Whether the expression contains a decimal number. */
export function hasDecimal(expression: Expression): boolean {
  if (expression.kind === "number") return expression.decimal;
  return expression.kind === "call" && expression.operands.some(hasDecimal);
}

/** The exact value; undefined if it is no fraction, is not recognised as one, or is too large. */
export function exactValue(expression: Expression): Rational | undefined {
  if (expression.kind === "number") return expression.value;
  if (expression.kind === "symbol") return undefined;
  const values: Rational[] = [];
  for (const operand of expression.operands) {
    const value = exactValue(operand);
    if (value === undefined) return undefined;
    values.push(value);
  }
  const [first, second] = values;
  if (first === undefined) return undefined;
  switch (expression.operator) {
    case "Add":
      return values.slice(1).reduce<Rational | undefined>((sum, value) => sum && add(sum, value), first);
    case "Subtract":
      return second === undefined ? negate(first) : add(first, negate(second));
    case "Negate":
      return negate(first);
    case "InvisibleOperator":
    case "Multiply": {
      const mixed = isMixedNumber(expression) && second !== undefined ? add(first, second) : undefined;
      const rest = mixed === undefined ? values.slice(1) : values.slice(2);
      return rest.reduce<Rational | undefined>(
        (product, value) => product && multiply(product, value),
        mixed ?? first,
      );
    }
    case "Divide":
    case "Rational":
      return second === undefined ? undefined : divide(first, second);
    case "Square":
      return power(first, 2);
    case "Power":
      return second === undefined || second.denominator !== 1n
        ? undefined
        : power(first, Number(second.numerator));
    case "Sqrt":
      return exactRoot(first);
    default:
      return undefined;
  }
}

/** `1\frac{4}{5}`: a whole number directly before a fraction of two whole numbers. */
function isMixedNumber({ operator, operands }: Extract<Expression, { kind: "call" }>): boolean {
  const [whole, fraction] = operands;
  return (
    operator === "InvisibleOperator" &&
    whole?.kind === "number" &&
    whole.value.denominator === 1n &&
    !whole.decimal &&
    fraction?.kind === "call" &&
    fraction.operator === "Divide" &&
    fraction.operands.every((operand) => operand.kind === "number")
  );
}

function exactRoot({ numerator, denominator }: Rational): Rational | undefined {
  const [top, bottom] = [wholeRoot(numerator), wholeRoot(denominator)];
  return top === undefined || bottom === undefined ? undefined : { numerator: top, denominator: bottom };
}

function wholeRoot(value: bigint): bigint | undefined {
  if (value < 0n || value > 1n << 100n) return undefined;
  const root = BigInt(Math.round(Math.sqrt(Number(value))));
  return root * root === value ? root : undefined;
}

/** The value in doubles; not finite if there is none. A symbol in neither map has no value. */
export function valueAt(expression: Expression, symbols: ReadonlyMap<string, Complex>): Complex {
  if (expression.kind === "number") return complex(toNumber(expression.value));
  if (expression.kind === "symbol") {
    return CONSTANTS.get(expression.name) ?? symbols.get(expression.name) ?? NOT_A_NUMBER;
  }
  const values = expression.operands.map((operand) => valueAt(operand, symbols));
  const [first = NOT_A_NUMBER, second] = values;
  switch (expression.operator) {
    case "Add":
      return values.reduce(plus);
    case "Subtract":
      return second === undefined ? scale(first, -1) : minus(first, second);
    case "Multiply":
    case "InvisibleOperator":
      if (isMixedNumber(expression) && second !== undefined) {
        return values.slice(2).reduce(times, plus(first, second));
      }
      return values.reduce(times);
    case "Divide":
    case "Rational":
      return over(first, second ?? NOT_A_NUMBER);
    case "Power":
      return raise(first, second ?? NOT_A_NUMBER);
    case "Root":
      return raise(first, over(complex(1), second ?? complex(2)));
    case "Complex":
      return plus(first, times(complex(0, 1), second ?? complex(0)));
    case "Log":
      return over(logarithm(first), logarithm(second ?? complex(10)));
    case "Binomial":
      return second === undefined ? NOT_A_NUMBER : binomial(first, second);
    default:
      return unary(expression.operator, first);
  }
}

const ONE = complex(1);

function unary(operator: string, a: Complex): Complex {
  switch (operator) {
    case "Negate":
      return scale(a, -1);
    case "Square":
      return times(a, a);
    case "Sqrt":
      return squareRoot(a);
    case "Exp":
      return exponential(a);
    case "Ln":
      return logarithm(a);
    case "Lb":
      return scale(logarithm(a), Math.LOG2E);
    case "Sin":
      return sine(a);
    case "Cos":
      return cosine(a);
    case "Tan":
      return over(sine(a), cosine(a));
    case "Cot":
      return over(cosine(a), sine(a));
    case "Sec":
      return over(ONE, cosine(a));
    case "Csc":
      return over(ONE, sine(a));
    case "Degrees":
      return scale(a, Math.PI / 180);
    case "Abs":
      return complex(modulus(a));
    default:
      return a.im === 0 ? complex(ofReal(operator, a.re)) : NOT_A_NUMBER;
  }
}

function ofReal(operator: string, x: number): number {
  switch (operator) {
    case "Arcsin":
      return Math.asin(x);
    case "Arccos":
      return Math.acos(x);
    case "Arctan":
      return Math.atan(x);
    case "Sinh":
      return Math.sinh(x);
    case "Cosh":
      return Math.cosh(x);
    case "Tanh":
      return Math.tanh(x);
    case "Floor":
      return Math.floor(x + 1e-12);
    case "Ceil":
      return Math.ceil(x - 1e-12);
    case "Factorial":
      return factorial(x);
    default:
      return Number.NaN;
  }
}

function factorial(x: number): number {
  if (!Number.isInteger(x) || x < 0 || x > 170) return Number.NaN;
  let product = 1;
  for (let factor = 2; factor <= x; factor++) product *= factor;
  return product;
}

function binomial({ re: n, im }: Complex, k: Complex): Complex {
  if (im !== 0 || k.im !== 0 || !Number.isInteger(k.re) || k.re < 0 || k.re > 1000) return NOT_A_NUMBER;
  let result = 1;
  for (let step = 1; step <= k.re; step++) result = (result * (n - k.re + step)) / step;
  return complex(result);
}
