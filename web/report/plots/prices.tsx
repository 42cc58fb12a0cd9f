/** Plots of accuracy against a price: the big model's share, time, money or operations. */
import { dollars, duration, operations } from "../../../src/core/figures.ts";
import type { PriceAxis, ReportDocument } from "../../../src/eval/report/document.ts";
import { PricePlot } from "./price-plot.tsx";

interface Axis {
  readonly title: string;
  readonly axis: string;
  readonly write: (value: number) => string;
  readonly writeTick?: (value: number, most: number) => string;
}

const AXES: Readonly<Record<PriceAxis, Axis>> = {
  share: {
    title: "Accuracy against the big model’s share",
    axis: "tokens by the big model",
    write: (value) => `${Number((100 * value).toFixed(2))}%`,
  },
  wallMs: { title: "Accuracy against time", axis: "time a sample", write: duration, writeTick: time },
  costUsd: { title: "Accuracy against cost", axis: "dollars a sample", write: dollars },
  flops: { title: "Accuracy against operations", axis: "operations a sample", write: operations },
};

/** Writes times in the unit that suits the largest. */
function time(value: number, most: number): string {
  const [size, unit] = most < 1000 ? [1, "ms"] : most < 120_000 ? [1000, "s"] : [60_000, "min"];
  return value === 0 ? "0" : `${Number((value / size).toPrecision(3))} ${unit}`;
}

export function Prices({ document: { arms, runs, fronts, absent } }: { document: ReportDocument }) {
  const axes = (["share", "wallMs", "costUsd", "flops"] as const).filter(
    (axis) => fronts[axis] !== undefined,
  );
  return (
    <section aria-labelledby="prices">
      <h2 id="prices">Accuracy against price</h2>
      <div class="prices">
        {axes.map((axis) => (
          <PricePlot
            key={axis}
            axis={axis}
            title={AXES[axis].title}
            axisTitle={AXES[axis].axis}
            write={AXES[axis].write}
            {...(AXES[axis].writeTick === undefined ? {} : { writeTick: AXES[axis].writeTick })}
            arms={arms}
            front={fronts[axis] ?? []}
            runs={runs.map(({ name }) => name)}
          />
        ))}
      </div>
      <p class="muted small">
        Filled dots and the stepped line: the Pareto front, which no other arm beats at no more of it, by the
        figures themselves. Where intervals overlap, the order is not settled.{" "}
        {Object.values(absent).join(" ")}
      </p>
    </section>
  );
}
