/** Small plots of each arm's spans with the same axes: their places in the traces, and their lengths. */
import type { ReportArm, ReportSpans } from "../../../src/eval/report/document.ts";
import { BarPlot, niceCeiling } from "../../shared/bar-plot.tsx";
import { count, counted, figure, percent } from "../../shared/format.ts";

const SIZE = { width: 340, height: 140 };

interface ArmSpans {
  readonly arm: ReportArm;
  readonly spans: ReportSpans;
}

export function Spans({ arms }: { arms: readonly ReportArm[] }) {
  const shown = arms.flatMap((arm): ArmSpans[] =>
    arm.spans === undefined ? [] : [{ arm, spans: arm.spans }],
  );
  if (shown.length === 0) return null;
  const without = arms.filter(({ spans }) => spans === undefined).map(({ label }) => label);
  const maxPosition = niceCeiling(Math.max(...shown.flatMap(({ spans }) => spans.position)));
  const bins = binsOf(shown);
  const maxLength = niceCeiling(
    Math.max(...shown.flatMap(({ spans }) => bins.map((bin) => lengthShare(spans, bin)))),
  );
  return (
    <section aria-labelledby="spans">
      <h2 id="spans">Where spans fall, and how long they are</h2>
      <div class="span-plots">
        {shown.map(({ arm, spans }) => (
          <article
            key={arm.label}
            aria-label={arm.label}
            class={spans.author === "small" ? "by-small-itself" : ""}
          >
            <h3>{arm.label}</h3>
            <p class="muted small">
              {counted(spans.count, "span")} in {count(spans.tracesWith)} of {counted(arm.samples, "trace")},
              median {figure(spans.length.median, 0)}, longest {count(spans.length.max ?? 0)} tokens
              {spans.author === "small" && "; written by the small model itself"}
            </p>
            <BarPlot
              title="Place in the trace"
              axis="from its beginning to its end"
              unit={(value) => `${Number((100 * value).toFixed(1))}%`}
              max={maxPosition}
              size={SIZE}
              bars={spans.position.map((value, bin) => ({
                value,
                title: `${5 * bin} to ${5 * bin + 5}% of the trace: ${percent(value)} of the tokens there are in spans`,
                ...(bin % 5 === 0 ? { tick: `${5 * bin}%` } : {}),
              }))}
            />
            <BarPlot
              title="Length"
              axis="tokens in a span; bins double"
              unit={(value) => `${Number((100 * value).toFixed(1))}%`}
              max={maxLength}
              size={SIZE}
              bars={bins.map((bin) => ({
                value: lengthShare(spans, bin),
                title: `${binName(spans, bin)} tokens: ${percent(lengthShare(spans, bin))} of the spans, ${count(spans.length.histogram.counts[bin] ?? 0)}`,
                tick: count(spans.length.histogram.edges[bin] ?? 0),
              }))}
            />
          </article>
        ))}
      </div>
      {without.length > 0 && (
        <p class="muted small">{without.join(", ")}: no spans, as one model writes everything.</p>
      )}
      <Numbers shown={shown} bins={bins} />
    </section>
  );
}

/** The bins from the first to the last that hold spans of any arm. Bin 0 is for empty spans, which do not exist. */
function binsOf(shown: readonly ArmSpans[]): number[] {
  const counts = shown.map(({ spans }) => spans.length.histogram.counts);
  const last = Math.max(1, ...counts.map((each) => each.findLastIndex((value) => value > 0)));
  return Array.from({ length: Math.max(4, last) }, (_, bin) => bin + 1).filter(
    (bin) => bin < (counts[0]?.length ?? 0),
  );
}

const lengthShare = ({ count: all, length }: ReportSpans, bin: number): number =>
  (length.histogram.counts[bin] ?? 0) / Math.max(1, all);

function binName({ length: { histogram } }: ReportSpans, bin: number): string {
  const from = histogram.edges[bin] ?? 0;
  const to = (histogram.edges[bin + 1] ?? 0) - 1;
  if (bin === histogram.counts.length - 1) return `${count(from)} and more`;
  return from === to ? `${from}` : `${count(from)} to ${count(to)}`;
}

function Numbers({ shown, bins }: { readonly shown: readonly ArmSpans[]; readonly bins: readonly number[] }) {
  const [first] = shown;
  if (first === undefined) return null;
  return (
    <details class="numbers">
      <summary>The numbers of these plots</summary>
      <div class="scroll" tabIndex={0} role="group" aria-label="The numbers of the plots of spans">
        <table>
          <thead>
            <tr>
              <th scope="col">share of the tokens there that is in spans</th>
              {shown.map(({ arm }) => (
                <th scope="col" key={arm.label}>
                  {arm.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {first.spans.position.map((_, bin) => (
              <tr key={bin}>
                <th scope="row">
                  {5 * bin} to {5 * bin + 5}% of the trace
                </th>
                {shown.map(({ arm, spans }) => (
                  <td key={arm.label}>{percent(spans.position[bin] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
          <tbody>
            {bins.map((bin) => (
              <tr key={bin}>
                <th scope="row">spans of {binName(first.spans, bin)} tokens</th>
                {shown.map(({ arm, spans }) => (
                  <td key={arm.label}>{percent(lengthShare(spans, bin))}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
