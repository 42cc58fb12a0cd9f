/** The table of arms, one row each: accuracy, the big model's share, and costs. */
import type { ComponentChildren } from "preact";

import { dollars, duration, finePercent, operations } from "../../src/core/figures.ts";
import type { Measured, ReportArm, ReportDocument } from "../../src/eval/report/document.ts";
import { count, percent } from "../shared/format.ts";
import { AxisHead, IntervalBar } from "./interval-bar.tsx";

interface Column {
  readonly title: string;
  readonly cell: (arm: ReportArm) => ComponentChildren;
}

export function ArmTable({ document }: { document: ReportDocument }) {
  const { arms, runs } = document;
  const columns = columnsOf(document);
  return (
    <section aria-labelledby="arms">
      <h2 id="arms">Arms</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="arms">
        <table class="arms">
          <thead>
            <tr>
              <th scope="col">arm</th>
              <th scope="col">right</th>
              <th scope="col">
                <AxisHead ends={["0%", "50%", "100%"]} />
              </th>
              {columns.map(({ title }) => (
                <th scope="col" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {arms.map((arm, index) => (
              <tr key={arm.label} class={arms[index - 1]?.run === arm.run ? "" : "first-of-run"}>
                <th scope="row">
                  {runs.length > 1 && <span class="muted">{runs[arm.run]?.name}/</span>}
                  {arm.name}
                </th>
                <td>
                  <strong>{percent(arm.accuracy.value)}</strong>
                  <Interval of={arm.accuracy} write={percent} />
                </td>
                <td>
                  <IntervalBar {...arm.accuracy} domain={[0, 1]} />
                </td>
                {columns.map(({ title, cell }) => (
                  <td key={title}>{cell(arm)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="muted small">
        Below a figure is its 95% interval. Tokens are those in the output of a sample. Discarded tokens were
        drawn too, but are not in the output.
      </p>
    </section>
  );
}

function columnsOf({ arms }: ReportDocument): Column[] {
  const has = (pick: (arm: ReportArm) => unknown): boolean => arms.some((arm) => Boolean(pick(arm)));
  const ks = [...new Set(arms.flatMap(({ atK }) => atK?.k ?? []))];
  const atK = (name: "pass" | "cov" | "maj"): Column[] =>
    has((arm) => arm.atK?.[name] !== undefined)
      ? [
          {
            title: ks.length === 1 ? `${name}@${ks[0]}` : `${name}@k`,
            cell: (arm) => {
              const value = arm.atK?.[name];
              if (value === undefined) return "–";
              return ks.length === 1 ? percent(value) : `${percent(value)} (k ${arm.atK?.k})`;
            },
          },
        ]
      : [];
  return [
    ...atK("pass"),
    ...atK("cov"),
    ...atK("maj"),
    { title: "big tokens", cell: ({ share }) => <Figure of={share} write={finePercent} /> },
    { title: "hand-offs", cell: ({ handoffs }) => handoffs.toFixed(2) },
    { title: "tokens", cell: ({ tokens }) => count(tokens) },
    { title: "discarded", cell: ({ discardedShare }) => percent(discardedShare) },
    ...(has(({ wallMs }) => wallMs)
      ? [{ title: "time", cell: ({ wallMs }: ReportArm) => <Figure of={wallMs} write={duration} /> }]
      : []),
    ...(has(({ tokensPerSecond }) => tokensPerSecond)
      ? [
          {
            title: "tokens/s",
            cell: ({ tokensPerSecond }: ReportArm) => (
              <Figure of={tokensPerSecond} write={(rate) => rate.toPrecision(3)} />
            ),
          },
        ]
      : []),
    ...(has(({ draftsTaken }) => draftsTaken)
      ? [
          {
            title: "drafts taken",
            cell: ({ draftsTaken }: ReportArm) => (draftsTaken === undefined ? "–" : percent(draftsTaken)),
          },
        ]
      : []),
    ...(has(({ firstTokenMs }) => firstTokenMs)
      ? [
          {
            title: "first token",
            cell: ({ firstTokenMs }: ReportArm) =>
              firstTokenMs === undefined ? "–" : duration(firstTokenMs),
          },
        ]
      : []),
    ...(has(({ handoffMs }) => handoffMs)
      ? [
          {
            title: "a hand-off",
            cell: ({ handoffMs }: ReportArm) => (handoffMs === undefined ? "–" : duration(handoffMs)),
          },
        ]
      : []),
    ...(has(({ costUsd }) => costUsd)
      ? [{ title: "cost", cell: ({ costUsd }: ReportArm) => <Figure of={costUsd} write={dollars} /> }]
      : []),
    ...(has(({ flops }) => flops)
      ? [{ title: "operations", cell: ({ flops }: ReportArm) => <Figure of={flops} write={operations} /> }]
      : []),
    ...(has(({ failed }) => failed)
      ? [{ title: "failed", cell: ({ failed }: ReportArm) => count(failed) }]
      : []),
  ];
}

interface FigureProps {
  readonly of: Measured | undefined;
  readonly write: (value: number) => string;
}

function Figure({ of, write }: FigureProps) {
  if (of === undefined) return <>–</>;
  return (
    <>
      {write(of.value)}
      <Interval of={of} write={write} />
    </>
  );
}

function Interval({
  of: { ci95 },
  write,
}: {
  readonly of: Measured;
  readonly write: (value: number) => string;
}) {
  if (ci95 === undefined || ci95[0] === ci95[1]) return null;
  const [low, high] = [write(ci95[0]), write(ci95[1])];
  return (
    <span class="muted range">
      {withoutUnitOf(high, low)} to {high}
    </span>
  );
}

/** Two figures with one unit name it once: "62 to 63 M". */
function withoutUnitOf(other: string, figure: string): string {
  const unit = (text: string): string =>
    /^[\d.,]+(?<unit>%| [A-Za-zµ]+)$/u.exec(text)?.groups?.["unit"] ?? "";
  const own = unit(figure);
  return own !== "" && own === unit(other) ? figure.slice(0, -own.length) : figure;
}
