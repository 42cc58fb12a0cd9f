/** Pages through annotated traces: by buttons, by keys, by annotator and source. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { PageData, PageTrace } from "../../../src/data/stats/page-data.ts";
import { ANY, Choice } from "../../shared/choice.tsx";
import { count, counted, percent } from "../../shared/format.ts";
import { HeatStrip } from "./heat-strip.tsx";
import { readerKey } from "../../shared/reader-keys.ts";
import { placeId, TraceText } from "./trace-text.tsx";

export function Reader({ reader: { traces, rows, tooLong } }: { reader: PageData["reader"] }) {
  const [source, setSource] = useState(ANY);
  const [annotator, setAnnotator] = useState(ANY);
  const groups = useMemo(() => grouped(traces, source, annotator), [traces, source, annotator]);
  const [index, setIndex] = useState(0);
  const [tab, setTab] = useState(0);
  const [withScores, setWithScores] = useState(true);
  const span = useRef(-1);
  const group = groups[index];
  const trace = group?.[Math.min(tab, group.length - 1)];

  const goTrace = (by: number): void => {
    setIndex((current) => Math.max(0, Math.min(groups.length - 1, current + by)));
    span.current = -1;
  };
  const goSpan = (by: number): void => {
    const last = (trace?.spans.length ?? 0) - 1;
    if (last < 0) return;
    span.current = Math.max(0, Math.min(last, span.current + by));
    show(trace?.spans[span.current]?.start ?? 0, true);
  };
  const actions = {
    "next-trace": () => goTrace(1),
    "previous-trace": () => goTrace(-1),
    "next-span": () => goSpan(1),
    "previous-span": () => goSpan(-1),
    "next-annotation": () => setTab((current) => (current + 1) % Math.max(1, group?.length ?? 1)),
  };
  const latest = useRef(actions);
  latest.current = actions;
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const action = readerKey(event);
      if (action === undefined) return;
      event.preventDefault();
      latest.current[action]();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);

  return (
    <section aria-labelledby="reader" class="reader">
      <div class="head">
        <h2 id="reader">Read the traces</h2>
        <p class="muted small">{held(traces, rows, tooLong)}</p>
      </div>
      {traces.length > 0 && (
        <>
          <div class="controls">
            <button type="button" onClick={() => goTrace(-1)} disabled={index === 0}>
              ← Previous
            </button>
            <span class="place" aria-live="polite">
              {groups.length === 0 ? "no such trace" : `${count(index + 1)} of ${count(groups.length)}`}
            </span>
            <button type="button" onClick={() => goTrace(1)} disabled={index >= groups.length - 1}>
              Next →
            </button>
            <Choice
              label="Annotator"
              value={annotator}
              options={namesOf(traces, "annotator")}
              onChange={(name) => change(setAnnotator, name)}
            />
            <Choice
              label="Source"
              value={source}
              options={namesOf(traces, "source")}
              onChange={(name) => change(setSource, name)}
            />
            {trace?.scores !== undefined && (
              <label class="choice">
                <input
                  type="checkbox"
                  checked={withScores}
                  onChange={(event) => setWithScores(event.currentTarget.checked)}
                />
                Scores on words
              </label>
            )}
          </div>
          {group !== undefined && trace !== undefined && (
            <article>
              {group.length > 1 && (
                <div class="tabs" role="group" aria-label="Annotations of this trace">
                  {group.map((each, number) => (
                    <button
                      type="button"
                      key={number}
                      aria-pressed={each === trace}
                      onClick={() => {
                        setTab(number);
                        span.current = -1;
                      }}
                    >
                      {each.annotator ?? "not named"} ({each.spans.length})
                    </button>
                  ))}
                </div>
              )}
              <p class="meta muted">{about(trace)}</p>
              <h3>Problem</h3>
              <p class="problem">{trace.problem}</p>
              <h3>Trace</h3>
              <HeatStrip trace={trace} onGo={(offset) => show(nearest(offset), false)} />
              <TraceText
                key={`${trace.id}\n${trace.annotator ?? ""}`}
                trace={trace}
                withScores={withScores}
              />
            </article>
          )}
          <p class="muted small keys">
            <kbd>←</kbd> <kbd>→</kbd> trace, <kbd>n</kbd> <kbd>p</kbd> span, <kbd>a</kbd> annotation of the
            same trace
          </p>
        </>
      )}
    </section>
  );

  function change(set: (name: string) => void, name: string): void {
    set(name);
    setIndex(0);
    setTab(0);
    span.current = -1;
  }
}

/** Says how many of all traces the page holds. */
function held(traces: readonly PageTrace[], rows: number, tooLong: number): string {
  const long = tooLong > 0 ? ` ${counted(tooLong, "row")} too long for a page.` : "";
  if (traces.length === rows) return `All ${counted(rows, "row")}.${long}`;
  return `A random sample: ${count(traces.length)} of ${counted(rows, "row")}.${long}`;
}

/** Annotations of one trace side by side. */
function grouped(traces: readonly PageTrace[], source: string, annotator: string): PageTrace[][] {
  const groups: PageTrace[][] = [];
  for (const trace of traces) {
    if (source !== ANY && trace.source !== source) continue;
    if (annotator !== ANY && trace.annotator !== annotator) continue;
    const last = groups.at(-1);
    if (last?.[0]?.id === trace.id) last.push(trace);
    else groups.push([trace]);
  }
  return groups;
}

const namesOf = (traces: readonly PageTrace[], field: "annotator" | "source"): string[] =>
  [...new Set(traces.flatMap((trace) => trace[field] ?? []))].sort();

function about({ id, annotator, source, answer, correct, spans, trace }: PageTrace): string {
  const marked = spans.reduce((sum, { start, end }) => sum + end - start, 0);
  return [
    id,
    annotator === undefined ? "" : `by ${annotator}`,
    source === undefined ? "" : `from ${source}`,
    answer === undefined ? "" : `answer ${answer}`,
    correct === undefined ? "" : correct ? "said to be correct" : "said to be wrong",
    `${counted(spans.length, "span")} over ${percent(marked / Math.max(1, trace.length))} of the characters`,
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** Scrolls to a place of the trace. */
function show(start: number, smooth: boolean): void {
  const element = document.getElementById(placeId(start));
  element?.scrollIntoView({ block: "center", behavior: smooth ? "smooth" : "auto" });
  for (const marked of document.querySelectorAll(".trace .current")) marked.classList.remove("current");
  const number = element?.dataset["span"];
  if (number === undefined) return;
  for (const part of document.querySelectorAll(`.trace [data-span="${number}"]`))
    part.classList.add("current");
}

/** Beginning of the piece that contains an offset. */
function nearest(offset: number): number {
  let best = 0;
  for (const element of document.querySelectorAll<HTMLElement>(".trace [data-start]")) {
    const start = Number(element.dataset["start"]);
    if (start > offset) break;
    best = start;
  }
  return best;
}
