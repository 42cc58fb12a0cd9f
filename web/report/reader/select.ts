/** Selects the problems and traces that the reader shows. Pure. */
import type { PageProblem, PageTrace } from "../../../src/eval/report/page-data.ts";

export type Verdict = "" | "right" | "wrong" | "differ";

export interface Selection {
  /** Index of the arm that the verdict is about; undefined for any arm. */
  readonly arm: number | undefined;
  readonly verdict: Verdict;
  /** Part of a problem's id or text. */
  readonly text: string;
  /** Arms that are not shown. */
  readonly hidden: ReadonlySet<number>;
}

export function selected(
  problems: readonly PageProblem[],
  { arm, verdict, text, hidden }: Selection,
): PageProblem[] {
  const wanted = text.trim().toLowerCase();
  return problems.filter(
    ({ id, problem, traces }) =>
      (wanted === "" || id.toLowerCase().includes(wanted) || problem.toLowerCase().includes(wanted)) &&
      fits(
        traces.filter((trace) => (arm === undefined ? !hidden.has(trace.arm) : trace.arm === arm)),
        verdict,
      ),
  );
}

/** Whether a problem fits. Without a trace of the wanted arm it does not. */
function fits(traces: readonly PageTrace[], verdict: Verdict): boolean {
  const right = traces.filter(({ correct }) => correct).length;
  if (verdict === "right") return right > 0;
  if (verdict === "wrong") return right < traces.length;
  if (verdict === "differ") return right > 0 && right < traces.length;
  return traces.length > 0;
}

/** The share of right traces among an arm's traces of a problem; undefined without traces. */
export function rightShare({ traces }: PageProblem, arm: number): number | undefined {
  const own = traces.filter((trace) => trace.arm === arm);
  return own.length === 0 ? undefined : own.filter(({ correct }) => correct).length / own.length;
}
