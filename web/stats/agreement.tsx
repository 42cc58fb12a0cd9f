import type { Agreement } from "../../src/data/stats/document.ts";
import { count, figure, percent } from "../shared/format.ts";

/** Agreement of two annotators on the same traces, token by token. */
export function AgreementTable({ agreement }: { agreement: readonly Agreement[] }) {
  return (
    <section aria-labelledby="agreement">
      <h2 id="agreement">Agreement of annotators</h2>
      <div class="scroll" tabIndex={0} role="group" aria-labelledby="agreement">
        <table>
          <thead>
            <tr>
              <th scope="col">annotators</th>
              <th scope="col">traces in both</th>
              <th scope="col">token F1</th>
              <th scope="col">Cohen’s kappa</th>
              <th scope="col">marked by both</th>
              <th scope="col">first only</th>
              <th scope="col">second only</th>
              <th scope="col">shares</th>
            </tr>
          </thead>
          <tbody>
            {agreement.map(({ first, second, rows, f1, kappa, tokens, share, differentText }) => (
              <tr key={`${first}\n${second}`}>
                <th scope="row">
                  {first} and {second}
                  {differentText > 0 &&
                    ` (${count(differentText)} more rows have another text and are not compared)`}
                </th>
                <td>{count(rows)}</td>
                <td>{figure(f1, 3)}</td>
                <td>{figure(kappa, 3)}</td>
                <td>{count(tokens.both)}</td>
                <td>{count(tokens.onlyFirst)}</td>
                <td>{count(tokens.onlySecond)}</td>
                <td>
                  {percent(share.first)} and {percent(share.second)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="muted small">
        F1 is of the marked tokens. Kappa is agreement beyond what the two shares alone would give by chance:
        1 is perfect, 0 is chance.
      </p>
    </section>
  );
}
