/** Complex arithmetic in doubles, to evaluate an expression at one point. */

export interface Complex {
  readonly re: number;
  readonly im: number;
}

export const complex = (re: number, im = 0): Complex => ({ re, im });
export const NOT_A_NUMBER = complex(Number.NaN);

export const plus = (a: Complex, b: Complex): Complex => complex(a.re + b.re, a.im + b.im);
export const minus = (a: Complex, b: Complex): Complex => complex(a.re - b.re, a.im - b.im);
export const times = (a: Complex, b: Complex): Complex =>
  complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
export const scale = (a: Complex, factor: number): Complex => complex(a.re * factor, a.im * factor);
export const modulus = ({ re, im }: Complex): number => Math.hypot(re, im);
export const isFinite = ({ re, im }: Complex): boolean => Number.isFinite(re) && Number.isFinite(im);

export function over(a: Complex, b: Complex): Complex {
  const size = b.re * b.re + b.im * b.im;
  return complex((a.re * b.re + a.im * b.im) / size, (a.im * b.re - a.re * b.im) / size);
}

export const exponential = ({ re, im }: Complex): Complex =>
  im === 0 ? complex(Math.exp(re)) : complex(Math.exp(re) * Math.cos(im), Math.exp(re) * Math.sin(im));

/** The principal branch. */
export const logarithm = (a: Complex): Complex => complex(Math.log(modulus(a)), Math.atan2(a.im, a.re));

export function squareRoot(a: Complex): Complex {
  if (a.im === 0) return a.re >= 0 ? complex(Math.sqrt(a.re)) : complex(0, Math.sqrt(-a.re));
  return exponential(scale(logarithm(a), 0.5));
}

export function raise(base: Complex, exponent: Complex): Complex {
  if (exponent.im === 0) {
    if (base.im === 0 && (base.re >= 0 || Number.isInteger(exponent.re))) {
      return complex(base.re ** exponent.re);
    }
    if (Number.isInteger(exponent.re) && Math.abs(exponent.re) <= 64) return wholePower(base, exponent.re);
  }
  if (base.re === 0 && base.im === 0) return NOT_A_NUMBER;
  return exponential(times(exponent, logarithm(base)));
}

function wholePower(base: Complex, exponent: number): Complex {
  let result = complex(1);
  for (let step = 0; step < Math.abs(exponent); step++) result = times(result, base);
  return exponent < 0 ? over(complex(1), result) : result;
}

export const sine = ({ re, im }: Complex): Complex =>
  complex(Math.sin(re) * Math.cosh(im), Math.cos(re) * Math.sinh(im));
export const cosine = ({ re, im }: Complex): Complex =>
  complex(Math.cos(re) * Math.cosh(im), -Math.sin(re) * Math.sinh(im));
