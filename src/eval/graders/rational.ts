/** Exact fractions of bounded size. An operation whose result would be larger gives undefined. */

/** A fraction in lowest terms; `denominator` is above 0. */
export interface Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** Bits of a numerator or denominator; 2 ** 4096 has 1,234 digits, more than an answer can write. */
const MAX_BITS = 4096;
const LIMIT = 1n << BigInt(MAX_BITS);

const ZERO: Rational = { numerator: 0n, denominator: 1n };

function rational(numerator: bigint, denominator = 1n): Rational | undefined {
  if (denominator === 0n || magnitude(numerator) > LIMIT || magnitude(denominator) > LIMIT) return undefined;
  const divisor = greatestCommonDivisor(magnitude(numerator), magnitude(denominator));
  const sign = denominator < 0n ? -1n : 1n;
  return { numerator: (sign * numerator) / divisor, denominator: (sign * denominator) / divisor };
}

/** `12`, `0.5`, `.5`, `1.5e-3`, `0.(3)` (the digits in brackets repeat). */
export function rationalOf(literal: string): Rational | undefined {
  const match = /^([+-]?)(\d*)(?:\.(\d*)(?:\((\d+)\))?)?(?:[eE]([+-]?\d{1,4}))?$/u.exec(literal);
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", repeating = "", exponent = "0"] = match;
  if (whole + fraction + repeating === "") return undefined;
  const places = 10n ** BigInt(fraction.length);
  const start = BigInt(whole + fraction || "0");
  const value =
    repeating === ""
      ? rational(start, places)
      : rational(
          start * (10n ** BigInt(repeating.length) - 1n) + BigInt(repeating),
          places * (10n ** BigInt(repeating.length) - 1n),
        );
  const shift = Number(exponent);
  const scale = power({ numerator: 10n, denominator: 1n }, shift);
  if (value === undefined || scale === undefined) return undefined;
  return multiply(sign === "-" ? negate(value) : value, scale);
}

export const negate = ({ numerator, denominator }: Rational): Rational => ({
  numerator: -numerator,
  denominator,
});

export const add = (a: Rational, b: Rational): Rational | undefined =>
  rational(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator);

export const multiply = (a: Rational, b: Rational): Rational | undefined =>
  rational(a.numerator * b.numerator, a.denominator * b.denominator);

export const divide = (a: Rational, b: Rational): Rational | undefined =>
  rational(a.numerator * b.denominator, a.denominator * b.numerator);

export const equal = (a: Rational, b: Rational): boolean =>
  a.numerator === b.numerator && a.denominator === b.denominator;

/** A whole exponent. */
export function power(base: Rational, exponent: number): Rational | undefined {
  if (!Number.isSafeInteger(exponent)) return undefined;
  const bits = Math.max(bitLength(base.numerator), bitLength(base.denominator));
  if (bits > 1 && bits * Math.abs(exponent) > MAX_BITS) return undefined;
  if (bits <= 1 && base.numerator !== 0n) {
    return { ...base, numerator: exponent % 2 === 0 ? 1n : base.numerator };
  }
  if (base.numerator === 0n) return exponent > 0 ? ZERO : undefined;
  const size = BigInt(Math.abs(exponent));
  const [top, bottom] = [base.numerator ** size, base.denominator ** size];
  return exponent < 0 ? rational(bottom, top) : rational(top, bottom);
}

/** Whether a finite decimal can write the fraction. */
export function terminates({ denominator }: Rational): boolean {
  let rest = denominator;
  for (const factor of [2n, 5n]) while (rest % factor === 0n) rest /= factor;
  return rest === 1n;
}

export function toNumber({ numerator, denominator }: Rational): number {
  const direct = Number(numerator) / Number(denominator);
  if (Number.isFinite(direct)) return direct;
  // Both are too large for a double: their leading bits give the ratio.
  const shift = BigInt(Math.max(0, Math.min(bitLength(numerator), bitLength(denominator)) - 64));
  return Number(numerator >> shift) / Number(denominator >> shift);
}

export const showRational = ({ numerator, denominator }: Rational): string =>
  denominator === 1n ? String(numerator) : `${numerator}/${denominator}`;

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

const bitLength = (value: bigint): number => (value === 0n ? 0 : magnitude(value).toString(2).length);

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [large, small] = [a, b];
  while (small !== 0n) [large, small] = [small, large % small];
  return large === 0n ? 1n : large;
}
