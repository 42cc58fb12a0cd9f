import { useEffect, useRef } from "preact/hooks";

import { startRuns } from "../app-state.ts";
import { LANE_TITLES, type LaneId } from "../run/lanes.ts";
import type { Run } from "../run/run.ts";
import { NO_COUNTERS } from "../run/tally.ts";
import { TraceView } from "../trace/trace-view.ts";
import { CountersView } from "./counters.tsx";
import { Notice } from "./notice.tsx";
import { Ribbon } from "./ribbon.tsx";

const WHAT: Readonly<Record<LaneId, string>> = {
  small: "The small model writes everything.",
  split: "The small model writes and asks the big one for its hardest steps.",
  big: "The big model writes everything.",
};

export function Lane({ lane, run }: { lane: LaneId; run: Run | undefined }) {
  const counters = run?.counters.value ?? NO_COUNTERS;
  const titleId = `lane-${lane}`;
  return (
    <section
      class="lane"
      aria-labelledby={titleId}
      data-lane={lane}
      data-status={run?.status.value ?? "idle"}
    >
      <div class="lane-head">
        <h2 id={titleId}>{LANE_TITLES[lane]}</h2>
        <StatusWords run={run} />
      </div>
      <Ribbon spans={counters.spans} />
      <CountersView counters={counters} split={lane === "split"} />
      {run?.failure.value && <Notice failure={run.failure.value} action="Run again" onAction={startRuns} />}
      {run?.degraded.value !== undefined && (
        <div class="notice notice-degraded">
          <p>
            <strong>The small model continued alone.</strong> {run.degraded.value}
          </p>
        </div>
      )}
      {run === undefined ? (
        <p class="lane-empty">{WHAT[lane]}</p>
      ) : (
        <Trace key={run} run={run} title={LANE_TITLES[lane]} />
      )}
      {run?.answer.value !== undefined && (
        <p class="answer">
          <span>Answer</span> <strong>{run.answer.value}</strong>
        </p>
      )}
    </section>
  );
}

/** The trace. Screen readers do not announce it as it streams; only its end is announced. */
function Trace({ run, title }: { run: Run; title: string }) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (element.current === null) return undefined;
    const view = new TraceView(element.current, run.log);
    return () => view.close();
  }, [run]);
  return <div ref={element} class="trace" role="region" aria-label={`Trace: ${title}`} tabIndex={0} />;
}

function StatusWords({ run }: { run: Run | undefined }) {
  if (run === undefined) return null;
  return <span class="lane-status">{statusWords(run)}</span>;
}

function statusWords(run: Run): string {
  const status = run.status.value;
  switch (status) {
    case "waiting":
      return "waiting…";
    case "writing":
      return run.counters.value.spans.at(-1)?.author === "big" ? "big writes…" : "small writes…";
    case "done":
      return run.finishReason.value === "length" ? "token limit reached" : "done";
    case "stopped":
      return "stopped";
    case "failed":
      return "failed";
    default:
      return status satisfies never;
  }
}
