/** Paired differences with their intervals, and a line at no difference. */
import { points, pValueText } from "../../src/core/figures.ts";
import type { ReportComparison } from "../../src/eval/report/document.ts";
import { AxisHead, IntervalBar } from "./interval-bar.tsx";

export function Differences({ comparisons }: { comparisons: readonly ReportComparison[] }) {
  const adjusted = comparisons.some(({ pAdjusted }) => pAdjusted !== undefined);
  const far = Math.max(...comparisons.flatMap(({ ci95 }) => ci95.map(Math.abs)), 0.01);
  const most = Math.min(1, [0.02, 0.05, 0.1, 0.2, 0.5].find((edge) => edge >= far) ?? 1);
  return (
    <section aria-labelledby="differences">
      <h2 id="differences">Differences, paired by problem</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="differences">
        <table class="differences">
          <thead>
            <tr>
              <th scope="col">difference</th>
              <th scope="col">points</th>
              <th scope="col">
                <AxisHead ends={[end(-most), "0", end(most)]} />
              </th>
              <th scope="col">95% interval</th>
              <th scope="col">p</th>
              {adjusted && <th scope="col">p, adjusted</th>}
            </tr>
          </thead>
          <tbody>
            {comparisons.map((comparison) => (
              <tr key={`${comparison.first}\n${comparison.second}`}>
                <th scope="row">
                  {comparison.first} <span class="muted">against</span> {comparison.second}
                  {comparison.control && <span class="muted">, the best control</span>}
                </th>
                <td>
                  <strong>{points(comparison.difference)}</strong>
                </td>
                <td>
                  <IntervalBar
                    value={comparison.difference}
                    ci95={comparison.ci95}
                    domain={[-most, most]}
                    zero={0}
                    strong={comparison.ci95[0] > 0 || comparison.ci95[1] < 0}
                  />
                </td>
                <td>
                  {points(comparison.ci95[0])} to {points(comparison.ci95[1])}
                </td>
                <td>{bare(comparison.pValue)}</td>
                {adjusted && <td>{comparison.pAdjusted === undefined ? "–" : bare(comparison.pAdjusted)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="muted small">
        Percentage points, the first arm minus the second. A hollow dot means that the interval contains 0:
        the data do not tell the two arms apart.
      </p>
    </section>
  );
}

const end = (value: number): string => points(value).replace(/\.0$/u, "");
const bare = (pValue: number): string => pValueText(pValue).replace(/^p (?:= )?/u, "");
