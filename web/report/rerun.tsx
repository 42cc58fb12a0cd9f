/** The command that repeats a run, and the facts that show whether the repetition is the same. */
import type { ReportRun } from "../../src/eval/report/document.ts";
import { count } from "../shared/format.ts";

export function Rerun({ runs }: { runs: readonly ReportRun[] }) {
  return (
    <section aria-labelledby="rerun">
      <h2 id="rerun">Repeat the run</h2>
      {runs.map((run) => (
        <article key={run.name} class="rerun">
          {runs.length > 1 && <h3>{run.name}</h3>}
          <pre class="command" tabIndex={0} role="group" aria-label={`Command of ${run.name}`}>
            {run.rerun.command}
          </pre>
          {run.rerun.pairFile !== undefined && (
            <details>
              <summary>pair.json, which the command reads</summary>
              <pre>{run.rerun.pairFile}</pre>
            </details>
          )}
          {run.rerun.remarks.map((text) => (
            <p key={text} class="small">
              {text}
            </p>
          ))}
          <dl class="facts">
            {facts(run).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          <details>
            <summary>All settings</summary>
            <pre>{run.config}</pre>
          </details>
        </article>
      ))}
    </section>
  );
}

function facts(run: ReportRun): [string, string][] {
  const { machine, execution, rows, rerun } = run;
  return [
    [
      "settings",
      `${run.configHash} (digest${rerun.sameDigest ? "; the command's settings have the same" : "; the command's settings differ, or could not be compared"})`,
    ],
    ["seed", `${run.seed}`],
    ["commit", run.git ?? "unknown"],
    ...run.models.map(({ role, spec, digest, parameters }): [string, string] => [
      role,
      [
        spec,
        ...(parameters === undefined ? [] : [`${count(parameters)} parameters`]),
        ...(digest === undefined ? [] : [`SHA-256 ${digest}`]),
      ].join(", "),
    ]),
    ["rows", `${count(rows.read)}; rows.jsonl has SHA-256 ${rows.fileSha256}`],
    ...(rows.digest === undefined ? [] : [["outcomes", `SHA-256 ${rows.digest}`] satisfies [string, string]]),
    [
      "machine",
      [
        machine.processor,
        `${machine.cores} cores`,
        machine.platform,
        `Node ${machine.node}`,
        ...(execution === undefined ? [] : [`${execution.concurrency} samples at a time`]),
        ...(execution?.threads === undefined ? [] : [`${execution.threads} threads a model`]),
      ].join(", "),
    ],
    ["folder", run.folder],
  ];
}
