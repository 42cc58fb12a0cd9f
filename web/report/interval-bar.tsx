/** A figure and its interval on a line: a dot, a bar, and a mark. The numbers stand beside it, so it is hidden from screen readers. */

const WIDTH = 100;
const HEIGHT = 18;
const PAD = 6;

export interface IntervalBarProps {
  readonly value: number;
  readonly ci95?: readonly [number, number] | undefined;
  readonly domain: readonly [number, number];
  /** Value of the mark, e.g. no difference. */
  readonly zero?: number;
  readonly strong?: boolean;
}

export function IntervalBar({ value, ci95, domain, zero, strong = true }: IntervalBarProps) {
  const x = (figure: number): number =>
    PAD + ((WIDTH - 2 * PAD) * (figure - domain[0])) / (domain[1] - domain[0]);
  const middle = HEIGHT / 2;
  return (
    <svg class="interval" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
      <line class="grid" x1={PAD} x2={WIDTH - PAD} y1={middle} y2={middle} />
      {zero !== undefined && <line class="zero" x1={x(zero)} x2={x(zero)} y1={0} y2={HEIGHT} />}
      {ci95 !== undefined && <line class="whisker" x1={x(ci95[0])} x2={x(ci95[1])} y1={middle} y2={middle} />}
      <circle class={strong ? "dot" : "dot hollow"} cx={x(value)} cy={middle} r={4} />
    </svg>
  );
}

/** The head of a column of bars: the ends and the middle of their axis. */
export function AxisHead({ ends }: { readonly ends: readonly [string, string, string] }) {
  return (
    <span class="axis">
      {ends.map((end) => (
        <span key={end}>{end}</span>
      ))}
    </span>
  );
}
