import { percent } from "../run/budget.ts";
import type { Counters } from "../run/tally.ts";

/** The counters of a run. While it streams, times are measured by this page and marked ≈. At the end they are the gateway's. */
export function CountersView({ counters, split }: { counters: Counters; split: boolean }) {
  const { smallTokens, bigTokens, share, switches, handoffMs, totalMs, firstTokenMs, final } = counters;
  const about = final ? "" : "≈ ";
  const started = smallTokens + bigTokens > 0;
  return (
    <dl class="counters">
      <Counter name="Small" unit="tokens" value={started ? count(smallTokens) : undefined} author="small" />
      <Counter name="Big" unit="tokens" value={started ? count(bigTokens) : undefined} author="big" />
      <Counter name="Big's share" value={share === undefined ? undefined : percent(share)} />
      {/* A model that writes alone is handed nothing. */}
      <Counter name="Hand-offs" value={started && split ? count(switches) : undefined} />
      <Counter
        name="Hand-off time"
        value={handoffMs === undefined || !split ? undefined : about + duration(handoffMs.mean)}
        note={handoffMs === undefined ? undefined : `on average; the longest ${duration(handoffMs.max)}`}
      />
      <Counter
        name="Time"
        value={totalMs === 0 ? undefined : about + duration(totalMs)}
        note={firstTokenMs === undefined ? undefined : `the first token after ${duration(firstTokenMs)}`}
      />
    </dl>
  );
}

interface CounterProps {
  readonly name: string;
  readonly unit?: string;
  /** Undefined while there is no value yet. */
  readonly value: string | undefined;
  readonly note?: string | undefined;
  readonly author?: "small" | "big";
}

function Counter({ name, unit, value, note, author }: CounterProps) {
  return (
    <div class="counter" title={note}>
      <dt class={author === undefined ? undefined : `key key-${author}`}>{name}</dt>
      <dd>
        {value ?? "–"}
        {value !== undefined && unit !== undefined && <small> {unit}</small>}
      </dd>
    </div>
  );
}

const COUNT = new Intl.NumberFormat("en");

function count(value: number): string {
  return COUNT.format(value);
}

function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 2 : 1)} s`;
}
