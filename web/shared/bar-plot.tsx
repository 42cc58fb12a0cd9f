/** A bar chart as SVG: bins side by side, a few lines across, and marks at values such as a mean. */
import { count } from "./format.ts";

interface Bar {
  readonly value: number;
  /** Shown below the bar; most bars have none. */
  readonly tick?: string;
  /** The tooltip of the bar. */
  readonly title: string;
}

export interface BarPlotProps {
  readonly title: string;
  /** The name of the axis. */
  readonly axis: string;
  readonly bars: readonly Bar[];
  readonly unit: (value: number) => string;
  /** Vertical lines, in bins from the left. */
  readonly marks?: readonly { readonly at: number; readonly label: string }[];
  /** Top of the axis, where several plots share one. */
  readonly max?: number;
  readonly size?: { readonly width: number; readonly height: number };
}

const SIZE = { width: 440, height: 220 };
const LEFT = 46;
const RIGHT = 8;
const TOP = 18;
const BOTTOM = 40;
/** Number of horizontal lines above the ground line. */
const LINES = 4;
/** The same for a plot lower than {@link LOW}. */
const FEW_LINES = 2;
const LOW = 150;

export function BarPlot({ title, axis, bars, unit, marks = [], max: given, size = SIZE }: BarPlotProps) {
  const { width, height } = size;
  const lines = height < LOW ? FEW_LINES : LINES;
  const max = given ?? niceCeiling(Math.max(...bars.map(({ value }) => value), 0));
  const plotWidth = width - LEFT - RIGHT;
  const plotHeight = height - TOP - BOTTOM;
  const step = plotWidth / Math.max(1, bars.length);
  const y = (value: number): number => TOP + plotHeight * (1 - value / max);
  const tallest = bars.reduce((best, bar) => (bar.value > best.value ? bar : best), {
    value: -1,
    title: "nothing",
  });
  return (
    <figure class="plot">
      <figcaption>{title}</figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${title}: ${count(bars.length)} bars, the tallest ${tallest.title}`}
      >
        {Array.from({ length: lines + 1 }, (_, line) => (max * line) / lines).map((value) => (
          <g key={value}>
            <line class="grid" x1={LEFT} x2={width - RIGHT} y1={y(value)} y2={y(value)} />
            <text class="label" x={LEFT - 6} y={y(value) + 4} text-anchor="end">
              {unit(value)}
            </text>
          </g>
        ))}
        {bars.map((bar, index) => (
          <g key={bar.title}>
            <rect
              class="bar"
              x={LEFT + index * step + step * 0.08}
              y={y(bar.value)}
              width={step * 0.84}
              height={Math.max(bar.value > 0 ? 1 : 0, TOP + plotHeight - y(bar.value))}
            >
              <title>{bar.title}</title>
            </rect>
            {bar.tick !== undefined && (
              <text class="label" x={LEFT + index * step} y={height - BOTTOM + 16} text-anchor="middle">
                {bar.tick}
              </text>
            )}
          </g>
        ))}
        {marks.map(({ at, label }, index) => (
          <g key={label}>
            <line class="mark" x1={LEFT + at * step} x2={LEFT + at * step} y1={TOP} y2={TOP + plotHeight} />
            <text class="label mark-label" x={LEFT + at * step + 4} y={TOP + 4 + 13 * index}>
              {label}
            </text>
          </g>
        ))}
        <text class="label" x={LEFT + plotWidth / 2} y={height - 6} text-anchor="middle">
          {axis}
        </text>
      </svg>
    </figure>
  );
}

/** The smallest of 1, 2, 4, 8 or 10 times a power of ten that is at least `value`. A quarter of it is a plain number too. */
export function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 8, 10].find((each) => each * power >= value * (1 - 1e-9)) ?? 10;
  return factor * power;
}
