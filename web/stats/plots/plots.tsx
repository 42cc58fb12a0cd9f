import type { GroupStatistics } from "../../../src/data/stats/document.ts";
import { count, percent } from "../../shared/format.ts";
import { BarPlot } from "../../shared/bar-plot.tsx";

export function Plots({ group }: { group: GroupStatistics }) {
  return (
    <div class="plots">
      <SharePlot group={group} />
      <PositionPlot group={group} />
      <LengthPlot group={group} />
      <CountPlot group={group} />
    </div>
  );
}

function SharePlot({ group: { share } }: { group: GroupStatistics }) {
  const { edges, counts } = share.histogram;
  const shown = Math.min(counts.length, Math.max(8, counts.findLastIndex((value) => value > 0) + 2));
  const width = edges[1] ?? 1;
  const every = shown > 20 ? 8 : 4;
  return (
    <BarPlot
      title="Share of a trace in spans"
      axis="share of a trace’s tokens"
      unit={count}
      bars={counts.slice(0, shown).map((value, bin) => ({
        value,
        title: `${percent(edges[bin] ?? 0)} to ${percent(edges[bin + 1] ?? 0)}: ${count(value)} traces`,
        ...(bin % every === 0 ? { tick: `${Math.round(100 * (edges[bin] ?? 0))}%` } : {}),
      }))}
      marks={[
        { at: Math.min(shown, (share.mean ?? 0) / width), label: `mean ${percent(share.mean ?? 0)}` },
        { at: Math.min(shown, (share.median ?? 0) / width), label: `median ${percent(share.median ?? 0)}` },
      ]}
    />
  );
}

function PositionPlot({ group: { position } }: { group: GroupStatistics }) {
  const at = (bin: number): string => `${Math.round((100 * bin) / position.length)}%`;
  return (
    <BarPlot
      title="Where spans sit in the trace"
      axis="place in the chain of thought"
      unit={percent}
      bars={position.map((value, bin) => ({
        value,
        title: `${at(bin)} to ${at(bin + 1)} of the trace: ${percent(value)} of the tokens there`,
        ...(bin % 4 === 0 ? { tick: at(bin) } : {}),
      }))}
    />
  );
}

function LengthPlot({ group: { spanLength } }: { group: GroupStatistics }) {
  const { edges, counts } = spanLength.histogram;
  // Bin 0 is for empty spans, which do not exist.
  const first = 1;
  const last = Math.max(
    first,
    counts.findLastIndex((value) => value > 0),
  );
  const beyond = counts.length - 1;
  const name = (bin: number): string => {
    const from = edges[bin] ?? 0;
    const to = (edges[bin + 1] ?? 0) - 1;
    if (bin === beyond) return `${count(from)} and more`;
    return from === to ? `${from}` : `${count(from)} to ${count(to)}`;
  };
  return (
    <BarPlot
      title="Length of spans"
      axis="tokens in a span; bins double in width"
      unit={count}
      bars={counts.slice(first, last + 1).map((value, index) => ({
        value,
        title: `${name(index + first)} tokens: ${count(value)} spans`,
        tick: count(edges[index + first] ?? 0),
      }))}
    />
  );
}

function CountPlot({ group: { spansPerTrace } }: { group: GroupStatistics }) {
  const { counts } = spansPerTrace.histogram;
  const shown = Math.min(counts.length, Math.max(8, counts.findLastIndex((value) => value > 0) + 1));
  const every = shown > 20 ? 5 : 2;
  return (
    <BarPlot
      title="Spans per trace"
      axis={
        shown === counts.length
          ? `spans in a trace (the last bin: ${shown - 1} and more)`
          : "spans in a trace"
      }
      unit={count}
      bars={counts.slice(0, shown).map((value, bin) => ({
        value,
        title: `${bin} spans: ${count(value)} traces`,
        ...(bin % every === 0 ? { tick: `${bin}` } : {}),
      }))}
    />
  );
}
