import type { ReportDocument } from "../../src/eval/report/document.ts";
import type { PageData } from "../../src/eval/report/page-data.ts";
import { counted } from "../shared/format.ts";
import { ThemeButton } from "../shared/theme-button.tsx";
import { ArmTable } from "./arm-table.tsx";
import { Differences } from "./differences.tsx";
import { Prices } from "./plots/prices.tsx";
import { Spans } from "./plots/spans.tsx";
import { Reader } from "./reader/reader.tsx";
import { Rerun } from "./rerun.tsx";

export function App({ data: { document, reader } }: { data: PageData }) {
  const { title, headlines, comparisons, notes } = document;
  const warnings = notes.filter(({ level }) => level === "warning");
  const others = notes.filter(({ level }) => level === "note");
  return (
    <main>
      <header class="top">
        <div>
          <h1>{title}</h1>
          {document.runs.map((run) => (
            <p key={run.name} class="muted about">
              {aboutRun(run, document.runs.length > 1)}
            </p>
          ))}
        </div>
        <ThemeButton />
      </header>
      {headlines.map((text) => (
        <p key={text} class="headline">
          {text}
        </p>
      ))}
      {warnings.length > 0 && (
        <ul class="warning" aria-label="Warnings">
          {warnings.map(({ text }) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
      <ArmTable document={document} />
      {comparisons.length > 0 && <Differences comparisons={comparisons} />}
      <Prices document={document} />
      <Spans arms={document.arms} />
      <Reader reader={reader} document={document} />
      <section aria-labelledby="notes">
        <h2 id="notes">How to read the figures</h2>
        <ul class="notes">
          {others.map(({ text }) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      </section>
      <Rerun runs={document.runs} />
    </main>
  );
}

function aboutRun(run: ReportDocument["runs"][number], several: boolean): string {
  const { name, task, samplesPerProblem, seed, git, temperature } = run;
  return [
    several ? `${name}: ${task.name}` : `${task.name} version ${task.version}`,
    counted(task.problems, "problem"),
    samplesPerProblem === 1 ? "one sample each" : `${samplesPerProblem} samples each`,
    ...(temperature === null ? [] : [`temperature ${temperature}`]),
    `seed ${seed}`,
    git === null
      ? "commit unknown"
      : `commit ${git.slice(0, 7)}${git.endsWith("-dirty") ? " with changes" : ""}`,
  ].join(" · ");
}
