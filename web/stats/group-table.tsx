import type { NamedGroup } from "../../src/data/stats/document.ts";
import { count, figure, percent, ratio } from "../shared/format.ts";

export function GroupTable({ title, groups }: { title: string; groups: readonly NamedGroup[] }) {
  const id = title.replaceAll(" ", "-").toLowerCase();
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby={id}>
        <table>
          <thead>
            <tr>
              <th scope="col">{title.replace("By ", "")}</th>
              <th scope="col">traces</th>
              <th scope="col">with spans</th>
              <th scope="col">share of tokens</th>
              <th scope="col">a trace, mean</th>
              <th scope="col">median</th>
              <th scope="col">spans a trace</th>
              <th scope="col">span, median</th>
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <tr key={group.name}>
                <th scope="row">{group.name}</th>
                <td>{count(group.rows)}</td>
                <td>{count(group.rowsWithSpans)}</td>
                <td>{percent(ratio(group.spanTokens, group.tokens))}</td>
                <td>{percent(group.share.mean ?? 0)}</td>
                <td>{percent(group.share.median ?? 0)}</td>
                <td>{figure(group.spansPerTrace.mean)}</td>
                <td>{figure(group.spanLength.median, 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
