/** The reader of traces: one problem at a time, its traces in all arms side by side. */
import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import type { ReportDocument } from "../../../src/eval/report/document.ts";
import type { PageReader } from "../../../src/eval/report/page-data.ts";
import { ANY, Choice } from "../../shared/choice.tsx";
import { count, counted } from "../../shared/format.ts";
import { readerKey } from "../../shared/reader-keys.ts";
import { Outcomes } from "./outcomes.tsx";
import { selected, type Verdict } from "./select.ts";
import { TraceCard } from "./trace-card.tsx";

const VERDICTS: Readonly<Record<string, Verdict>> = {
  "is right": "right",
  "is wrong": "wrong",
  "is right and wrong": "differ",
};

export interface ReaderProps {
  readonly reader: PageReader;
  readonly document: ReportDocument;
}

export function Reader({ reader: { problems, leftOut, problemsInAll }, document: { arms } }: ReaderProps) {
  const places = useMemo(() => armsWithTraces(problems), [problems]);
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const [armName, setArmName] = useState(ANY);
  const [verdictName, setVerdictName] = useState(ANY);
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const arm = arms.findIndex(({ label }) => label === armName);
  const shown = useMemo(
    () =>
      selected(problems, {
        arm: arm < 0 ? undefined : arm,
        verdict: VERDICTS[verdictName] ?? "",
        text,
        hidden,
      }),
    [problems, arm, verdictName, text, hidden],
  );
  const current = Math.min(index, Math.max(0, shown.length - 1));
  const problem = shown[current];
  const go = (to: number): void => setIndex(Math.max(0, Math.min(shown.length - 1, to)));
  const move = useRef((_by: number): void => {});
  move.current = (by) => go(current + by);
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const action = readerKey(event);
      if (action !== "next-trace" && action !== "previous-trace") return;
      event.preventDefault();
      move.current(action === "next-trace" ? 1 : -1);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const armsShown = places.filter((place) => !hidden.has(place));
  const traces = problem?.traces.filter((trace) => !hidden.has(trace.arm)) ?? [];

  return (
    <section aria-labelledby="reader" class="reader">
      <div class="head">
        <h2 id="reader">Read the traces</h2>
        <p class="legend small">
          <span class="by-small">plain: the small model</span>,{" "}
          <mark class="by-big">marked: the big model</mark>
        </p>
      </div>
      <p class="muted small">
        {leftOut.length === 0
          ? `All ${counted(problemsInAll, "problem")} with all of their traces.`
          : leftOut.join(" ")}
      </p>
      {problems.length > 0 && (
        <>
          <div class="controls">
            <Choice
              label="Problems where"
              value={armName}
              any="any arm"
              options={places.map((place) => arms[place]?.label ?? "")}
              onChange={(name) => change(() => setArmName(name))}
            />
            <Choice
              label=""
              title="Verdict"
              value={verdictName}
              any="is right or wrong"
              options={Object.keys(VERDICTS)}
              onChange={(name) => change(() => setVerdictName(name))}
            />
            <label class="choice">
              with
              <input
                type="search"
                value={text}
                placeholder="part of a problem or its id"
                onInput={(event) => {
                  const { value } = event.currentTarget;
                  change(() => setText(value));
                }}
              />
            </label>
          </div>
          {places.length > 1 && (
            <div class="tabs" role="group" aria-label="Arms that are shown">
              {places.map((place) => (
                <button
                  type="button"
                  key={place}
                  aria-pressed={!hidden.has(place)}
                  onClick={() => setHidden(toggled(hidden, place))}
                >
                  {arms[place]?.label}
                </button>
              ))}
            </div>
          )}
          <Outcomes
            arms={armsShown.flatMap((place) => {
              const found = arms[place];
              return found === undefined ? [] : [{ arm: found, place }];
            })}
            problems={shown}
            current={current}
            onGo={go}
          />
          <div class="controls paging">
            <button type="button" onClick={() => go(current - 1)} disabled={current === 0}>
              ← Previous
            </button>
            <span class="place" aria-live="polite">
              {shown.length === 0 ? "no such problem" : `${count(current + 1)} of ${count(shown.length)}`}
            </span>
            <button type="button" onClick={() => go(current + 1)} disabled={current >= shown.length - 1}>
              Next →
            </button>
            <span class="muted small keys">
              <kbd>←</kbd> <kbd>→</kbd>
            </span>
          </div>
          {problem !== undefined && (
            <article class="problem-view" aria-label={`Problem ${problem.id}`}>
              <p class="meta muted">
                {problem.task} · {problem.id} · right answer: {problem.gold}
              </p>
              <p class="problem">{problem.problem}</p>
              <div class="side-by-side">
                {traces.map((trace) => (
                  <TraceCard
                    key={`${problem.id} ${trace.arm} ${trace.sample}`}
                    trace={trace}
                    label={arms[trace.arm]?.label ?? ""}
                    several={traces.filter((other) => other.arm === trace.arm).length > 1}
                  />
                ))}
              </div>
              {traces.length === 0 && (
                <p class="muted">None of the shown arms has a trace of this problem.</p>
              )}
            </article>
          )}
        </>
      )}
    </section>
  );

  function change(set: () => void): void {
    set();
    setIndex(0);
  }
}

const armsWithTraces = (problems: PageReader["problems"]): number[] =>
  [...new Set(problems.flatMap(({ traces }) => traces.map(({ arm }) => arm)))].toSorted((a, b) => a - b);

function toggled(places: ReadonlySet<number>, place: number): ReadonlySet<number> {
  const next = new Set(places);
  if (!next.delete(place)) next.add(place);
  return next;
}
