/** Axes: the values that they cover, and the places of their ticks. Pure. */

export interface Scale {
  readonly domain: readonly [number, number];
  readonly log: boolean;
  readonly ticks: readonly number[];
  /** Place of a value: 0 at the beginning of the axis, 1 at its end, outside for values beyond. */
  readonly at: (value: number) => number;
}

const STEPS = [1, 2, 2.5, 5, 10];

/** A step of 1, 2, 2.5 or 5 times a power of ten that gives at most `maxSteps` steps over `span`. */
function niceStep(span: number, maxSteps: number): number {
  const power = 10 ** Math.floor(Math.log10(span / maxSteps));
  const factor = STEPS.find((step) => step * power * maxSteps >= span * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** An axis from a whole step below `low` to a whole step above `high`. */
export function linearScale(low: number, high: number, maxSteps = 5): Scale {
  const span = high - low || Math.abs(high) || 1;
  const step = niceStep(span, maxSteps);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => round((first + index) * step));
  const domain = [first * step, last * step] as const;
  return { domain, log: false, ticks, at: (value) => (value - domain[0]) / (domain[1] - domain[0]) };
}

/** A logarithmic axis with ticks at powers of ten, and at 2 and 5 times them if it is short. `low` is above 0. */
export function logScale(low: number, high: number): Scale {
  const factors = high / low > 300 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const factor of factors) ticks.push(round(factor * 10 ** power));
  }
  const first = ticks.findLastIndex((tick) => tick <= low * (1 + 1e-9));
  const last = ticks.findIndex((tick) => tick >= high * (1 - 1e-9));
  const shown = ticks.slice(Math.max(0, first), last < 0 ? undefined : last + 1);
  const domain = [shown[0] ?? low, shown.at(-1) ?? high] as const;
  const span = Math.log(domain[1] / domain[0]) || 1;
  return { domain, log: true, ticks: shown, at: (value) => Math.log(value / domain[0]) / span };
}

/** Accuracy: from 0 to 100%, unless all intervals lie within 30 points. */
export function accuracyScale(intervals: readonly (readonly [number, number])[]): Scale {
  const low = Math.min(...intervals.map(([from]) => from));
  const high = Math.max(...intervals.map(([, to]) => to));
  if (!(high - low <= 0.3)) return linearScale(0, 1);
  const scale = linearScale(Math.max(0, low), Math.min(1, Math.max(high, low + 0.02)));
  return scale;
}

/** Removes digits that binary steps leave: 0.30000000000000004. */
const round = (value: number): number => Number(value.toPrecision(12));
