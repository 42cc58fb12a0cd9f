import { useState } from "preact/hooks";

import type { GroupStatistics } from "../../src/data/stats/document.ts";
import type { PageData } from "../../src/data/stats/page-data.ts";
import { AgreementTable } from "./agreement.tsx";
import { count, counted, figure, percent, ratio } from "../shared/format.ts";
import { GroupTable } from "./group-table.tsx";
import { Plots } from "./plots/plots.tsx";
import { Reader } from "./reader/reader.tsx";
import { ThemeButton } from "../shared/theme-button.tsx";

export function App({ data: { statistics, reader } }: { data: PageData }) {
  const { overall, bySource, byAnnotator, agreement, files, skipped, faulty, tokenizer } = statistics;
  const choices = [
    { label: "all traces", group: overall },
    ...(byAnnotator.length > 1
      ? byAnnotator.map((group) => ({ label: `annotator ${group.name}`, group }))
      : []),
    ...(bySource.length > 1 ? bySource.map((group) => ({ label: `source ${group.name}`, group })) : []),
  ];
  const [chosen, choose] = useState(0);
  const group = choices[chosen]?.group ?? overall;
  return (
    <main>
      <header class="top">
        <div>
          <h1>Annotated traces</h1>
          <p class="muted files">{files.join(", ")}</p>
        </div>
        <ThemeButton />
      </header>
      {faulty + skipped > 0 && (
        <p class="warning">
          {faulty > 0 &&
            `${counted(faulty, "row")} at fault and not counted (splitreason data check says why). `}
          {skipped > 0 && `${counted(skipped, "record")} without a row.`}
        </p>
      )}

      <section aria-labelledby="marked">
        <div class="head">
          <h2 id="marked">What is marked</h2>
          {choices.length > 1 && (
            <label class="choice">
              Shown
              <select value={chosen} onChange={(event) => choose(Number(event.currentTarget.value))}>
                {choices.map(({ label }, index) => (
                  <option key={label} value={index}>
                    {label}
                  </option>
                ))}
              </select>
            </label>
          )}
        </div>
        <Figures group={group} />
        <p class="muted small">
          Tokens are {tokenizer}, of the chain of thought: the trace up to &lt;/think&gt;.
        </p>
        <Plots group={group} />
      </section>

      {byAnnotator.length > 1 && <GroupTable title="By annotator" groups={byAnnotator} />}
      {agreement.length > 0 && <AgreementTable agreement={agreement} />}
      {bySource.length > 1 && <GroupTable title="By source" groups={bySource} />}
      <Reader reader={reader} />
    </main>
  );
}

function Figures({ group }: { group: GroupStatistics }) {
  const { rows, rowsWithSpans, spans, tokens, spanTokens, share, spansPerTrace, spanLength, traceTokens } =
    group;
  const figures: [string, string, string][] = [
    ["Traces", count(rows), `${count(rowsWithSpans)} with spans`],
    [
      "Share of the tokens in spans",
      percent(ratio(spanTokens, tokens)),
      `${count(spanTokens)} of ${count(tokens)}`,
    ],
    ["Share of a trace", percent(share.mean ?? 0), `mean; median ${percent(share.median ?? 0)}`],
    [
      "Spans a trace",
      figure(spansPerTrace.mean),
      `mean; median ${figure(spansPerTrace.median, 0)}; ${count(spans)} in all`,
    ],
    ["Length of a span", figure(spanLength.mean), `tokens, mean; median ${figure(spanLength.median, 0)}`],
    [
      "Length of a trace",
      count(traceTokens.mean ?? 0),
      `tokens, mean; longest ${count(traceTokens.max ?? 0)}`,
    ],
  ];
  return (
    <dl class="figures">
      {figures.map(([title, value, note]) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>
            <strong>{value}</strong>
            <span class="muted">{note}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
