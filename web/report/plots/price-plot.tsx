/** Accuracy against a price, as SVG: one dot for each arm with both intervals and a name, and the Pareto front. */
import { useState } from "preact/hooks";

import type { PriceAxis, ReportArm } from "../../../src/eval/report/document.ts";
import { percent } from "../../shared/format.ts";
import { type Box, placeLabels } from "./labels.ts";
import { accuracyScale, linearScale, logScale, type Scale } from "./scales.ts";

export interface PricePlotProps {
  readonly title: string;
  /** Label below the axis. */
  readonly axisTitle: string;
  readonly axis: PriceAxis;
  readonly arms: readonly ReportArm[];
  /** Indices in `arms`, by rising price. */
  readonly front: readonly number[];
  readonly write: (value: number) => string;
  /** Writes the axis's ticks, all in one unit; `most` is the largest. Default: `write`. */
  readonly writeTick?: (value: number, most: number) => string;
  /** Names of runs. If there are several, each run has its own dots. */
  readonly runs: readonly string[];
}

interface Size {
  readonly name: "wide" | "narrow";
  readonly width: number;
  readonly height: number;
  readonly font: number;
}

const SIZES: readonly Size[] = [
  { name: "wide", width: 600, height: 380, font: 13 },
  { name: "narrow", width: 340, height: 330, font: 12 },
];

interface Point {
  readonly arm: ReportArm;
  readonly place: number;
  readonly price: number;
  readonly priceCi95: readonly [number, number];
  readonly front: boolean;
}

export function PricePlot(props: PricePlotProps) {
  const { title, axis, arms, front, runs } = props;
  const points = arms.flatMap((arm, place): Point[] => {
    const measured = arm[axis];
    if (measured === undefined) return [];
    const priceCi95 = measured.ci95 ?? ([measured.value, measured.value] as const);
    return [{ arm, place, price: measured.value, priceCi95, front: front.includes(place) }];
  });
  const [whole, setWhole] = useState(false);
  const near = nearPart(points, axis);
  const shownWhole = whole || near === undefined;
  const scale = shownWhole ? wholeScale(points, axis) : near;
  const missing = arms.length - points.length;
  return (
    <figure class="plot price-plot">
      <figcaption>{title}</figcaption>
      {runs.length > 1 && <RunLegend runs={runs} />}
      {near !== undefined && (
        <p class="controls">
          <label class="choice small">
            <input
              type="checkbox"
              checked={whole}
              onChange={(event) => setWhole(event.currentTarget.checked)}
            />
            Whole axis
          </label>
        </p>
      )}
      {SIZES.map((size) => (
        <Drawing key={size.name} {...props} size={size} points={points} scale={scale} />
      ))}
      {missing > 0 && (
        <p class="muted small">
          {missing} {missing === 1 ? "arm has" : "arms have"} no such figure.
        </p>
      )}
    </figure>
  );
}

function Drawing({
  title,
  axisTitle,
  write,
  writeTick = write,
  runs,
  size,
  points,
  scale,
}: PricePlotProps & { readonly size: Size; readonly points: readonly Point[]; readonly scale: Scale }) {
  const { width, height, font } = size;
  const beyond = points.filter(({ price }) => scale.at(price) > 1 + 1e-9);
  const area = {
    left: 46,
    right: width - (beyond.length > 0 ? 30 : 22),
    top: 12,
    bottom: height - 44,
  };
  const yScale = accuracyScale(
    points.map(({ arm }) => arm.accuracy.ci95 ?? [arm.accuracy.value, arm.accuracy.value]),
  );
  const clamp = (share: number): number => Math.max(0, Math.min(1, share));
  const x = (value: number): number => area.left + clamp(scale.at(value)) * (area.right - area.left);
  const y = (value: number): number => area.bottom - clamp(yScale.at(value)) * (area.bottom - area.top);
  /** Values beyond the axis stand after its end. */
  const dotX = (point: Point): number => (beyond.includes(point) ? width - 12 : x(point.price));
  const whiskers = points.flatMap((point): Box[] => {
    const [low, high] = point.arm.accuracy.ci95 ?? [point.arm.accuracy.value, point.arm.accuracy.value];
    const across = dotX(point);
    return [
      { left: across - 2, right: across + 2, top: y(high), bottom: y(low) },
      {
        left: x(point.priceCi95[0]),
        right: x(point.priceCi95[1]),
        top: y(point.arm.accuracy.value) - 2,
        bottom: y(point.arm.accuracy.value) + 2,
      },
    ];
  });
  const onFront = points.filter((point) => point.front && !beyond.includes(point));
  onFront.sort((one, other) => one.price - other.price);
  // Stretches of the front, across and up, that names should not cover.
  const steps = onFront.flatMap((point, index): Box[] => {
    const next = onFront[index + 1];
    const level = y(point.arm.accuracy.value);
    const end = next === undefined ? area.right : x(next.price);
    const top = next === undefined ? level : y(next.arm.accuracy.value);
    return [
      { left: x(point.price), right: end, top: level - 2, bottom: level + 2 },
      { left: end - 1, right: end + 1, top, bottom: level },
    ];
  });
  const { labels, unplaced } = placeLabels(
    points.map((point) => ({
      x: dotX(point),
      y: y(point.arm.accuracy.value),
      name: beyond.includes(point) ? `${point.arm.name}, at ${write(point.price)}` : point.arm.name,
      strong: point.front,
    })),
    [...whiskers, ...steps],
    { left: area.left, right: width, top: 0, bottom: area.bottom },
    font,
  );
  const path = onFront
    .map((point, index) =>
      index === 0
        ? `M${x(point.price)} ${y(point.arm.accuracy.value)}`
        : `H${x(point.price)}V${y(point.arm.accuracy.value)}`,
    )
    .join("");
  return (
    <div class={`drawing ${size.name}`}>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${title}. ${points.length} arms; on the front: ${onFront.map(({ arm }) => arm.label).join(", ") || "none"}. The table of arms has the figures.`}
      >
        {yScale.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={area.left} x2={area.right} y1={y(tick)} y2={y(tick)} />
            <text class="label" font-size={font} x={area.left - 7} y={y(tick) + 4} text-anchor="end">
              {`${Number((100 * tick).toFixed(1))}%`}
            </text>
          </g>
        ))}
        {scale.ticks.map((tick, index) => (
          <g key={tick}>
            <line class="tick" x1={x(tick)} x2={x(tick)} y1={area.bottom} y2={area.bottom + 4} />
            {(size.name === "wide" || index % Math.ceil(scale.ticks.length / 5) === 0) && (
              <text class="label" font-size={font} x={x(tick)} y={area.bottom + 18} text-anchor="middle">
                {writeTick(tick, scale.domain[1])}
              </text>
            )}
          </g>
        ))}
        <line class="axis-line" x1={area.left} x2={area.right} y1={area.bottom} y2={area.bottom} />
        <text
          class="label"
          font-size={font}
          x={(area.left + area.right) / 2}
          y={height - 6}
          text-anchor="middle"
        >
          {axisTitle + (scale.log ? " (logarithmic)" : "")}
        </text>
        {path !== "" && <path class="front" d={`${path}H${area.right}`} />}
        {points.map((point) => (
          <PointMark
            key={point.arm.label}
            point={point}
            at={dotX(point)}
            {...{ x, y, write }}
            several={runs.length > 1}
          />
        ))}
        {labels.map(({ text, x: labelX, y: labelY, anchor, strong, leader }) => (
          <g key={`${text} ${labelX} ${labelY}`}>
            {leader !== undefined && (
              <line class="leader" x1={leader.x} y1={leader.y} x2={labelX} y2={labelY - font * 0.35} />
            )}
            <text
              class={strong ? "name strong" : "name"}
              font-size={font}
              x={labelX}
              y={labelY}
              text-anchor={anchor}
            >
              {text}
            </text>
          </g>
        ))}
      </svg>
      {unplaced.length > 0 && (
        <p class="muted small">
          No room for the names of {unplaced.join(", ")}: the table has their figures.
        </p>
      )}
    </div>
  );
}

interface PointMarkProps {
  readonly point: Point;
  readonly at: number;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly write: (value: number) => string;
  readonly several: boolean;
}

function PointMark({ point, at, x, y, write, several }: PointMarkProps) {
  const { arm, price, priceCi95, front } = point;
  const { value, ci95 = [value, value] } = arm.accuracy;
  const middle = y(value);
  const run = several ? ` run-${arm.run % 6}` : "";
  return (
    <g class={`point${front ? "" : " hollow"}${run}`}>
      <title>
        {`${arm.label}: ${percent(value)} right (${percent(ci95[0])} to ${percent(ci95[1])}), ${write(price)}` +
          (priceCi95[0] === priceCi95[1] ? "" : ` (${write(priceCi95[0])} to ${write(priceCi95[1])})`)}
      </title>
      <line class="whisker" x1={at} x2={at} y1={y(ci95[0])} y2={y(ci95[1])} />
      {at === x(price) && (
        <line class="whisker" x1={x(priceCi95[0])} x2={x(priceCi95[1])} y1={middle} y2={middle} />
      )}
      <path class="dot" d={shape(several ? arm.run % SHAPES : 0, at, middle)} />
    </g>
  );
}

/** Legend of shapes and colours. They repeat beyond six runs; pointing at a dot shows its run. */
function RunLegend({ runs }: { readonly runs: readonly string[] }) {
  return (
    <ul class="run-legend small">
      {runs.map((name, run) => (
        <li key={name}>
          <svg viewBox="0 0 16 16" width={14} height={14} aria-hidden="true">
            <g class={`run-${run % 6}`}>
              <path class="dot" d={shape(run % SHAPES, 8, 8)} />
            </g>
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

const SHAPES = 4;

/** A circle, a square, a triangle or a diamond, of about the same area. */
function shape(run: number, x: number, y: number): string {
  if (run === 1) return `M${x - 4.5} ${y - 4.5}h9v9h-9z`;
  if (run === 2) return `M${x} ${y - 6}l5.8 10.2h-11.6z`;
  if (run === 3) return `M${x} ${y - 6.2}l6.2 6.2l-6.2 6.2l-6.2 -6.2z`;
  return `M${x - 5} ${y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z`;
}

/** Ends the axis early if all but a few arms hand over little. The few stand after its end. */
function nearPart(points: readonly Point[], axis: PriceAxis): Scale | undefined {
  if (axis !== "share") return undefined;
  const near = points.filter(({ price }) => price < 0.5);
  const most = Math.max(...near.map(({ priceCi95 }) => priceCi95[1]), 0);
  if (near.length === points.length || near.length < 2 || most === 0 || most > 0.35) return undefined;
  return linearScale(0, most);
}

function wholeScale(points: readonly Point[], axis: PriceAxis): Scale {
  if (axis === "share") return linearScale(0, Math.max(...points.map(({ priceCi95 }) => priceCi95[1]), 0.01));
  const low = Math.min(...points.map(({ price, priceCi95 }) => (priceCi95[0] > 0 ? priceCi95[0] : price)));
  const high = Math.max(...points.map(({ priceCi95 }) => priceCi95[1]), 0);
  const prices = points.map(({ price }) => price);
  // At least ten times the price: equal ratios should look equal.
  const wide = Math.min(...prices) > 0 && Math.max(...prices) / Math.min(...prices) >= 10;
  return wide && low > 0 ? logScale(low, high) : linearScale(0, high || 1);
}
