/** An evaluation for people: a table of the arms, and what the comparison says. */
import type { ArmComparison, ArmSummary, EvaluationSummary } from "../eval/summary.ts";
import { type Column, count, duration, percent, points, pValueText, renderTable } from "./table.ts";
import { type Paint, printableLine } from "./terminal.ts";

export function evaluationReport(summary: EvaluationSummary, paint: Paint): string {
  const { task, arms, comparisons, control, samplesPerProblem, seed, configHash, git } = summary;
  const samples = samplesPerProblem === 1 ? "one sample each" : `${samplesPerProblem} samples each`;
  const failed = arms.filter((arm) => arm.failed > 0);
  return [
    `${paint.bold(task.name)} (version ${task.version}), ${count(task.problems)} problems, ${samples}, seed ${seed}\n\n`,
    renderTable(columns(samplesPerProblem), arms, paint.bold),
    comparisons.length > 0 ? "\n" : "",
    ...comparisons.map((comparison) => comparisonLine(comparison, control, arms)),
    ...arms.map((arm) => matchingLine(arm)),
    ...failed.map((arm) =>
      paint.yellow(
        `${arm.name}: ${arm.failed} of ${arm.samples} samples failed and count as wrong; the first: ${printableLine(arm.firstError ?? "")}\n`,
      ),
    ),
    ...arms
      .filter((arm) => arm.degraded > 0)
      .map((arm) =>
        paint.yellow(
          `${arm.name}: in ${arm.degraded} of ${arm.samples} samples the big model was lost on the way\n`,
        ),
      ),
    `\n${paint.dim(`configuration ${configHash}, commit ${git ?? "unknown"}`)}\n`,
  ].join("");
}

function columns(samplesPerProblem: number): Column<ArmSummary>[] {
  const most = String(samplesPerProblem);
  const several: Column<ArmSummary>[] = [
    { title: `pass@${most}`, cell: (arm) => percent(arm.passAt[most] ?? 0), align: "right" },
    { title: `maj@${most}`, cell: (arm) => percent(arm.majAt[most] ?? 0), align: "right" },
  ];
  return [
    { title: "arm", cell: (arm) => arm.name },
    { title: "right", cell: (arm) => percent(arm.accuracy), align: "right" },
    { title: "95% interval", cell: ({ ci95: [low, high] }) => `${percent(low)} to ${percent(high)}` },
    ...(samplesPerProblem > 1 ? several : []),
    { title: "big tokens", cell: (arm) => percent(arm.offloadShare), align: "right" },
    { title: "hand-offs", cell: (arm) => arm.switches.toFixed(2), align: "right" },
    {
      title: "tokens/sample",
      cell: (arm) => count((arm.smallTokens + arm.bigTokens) / arm.samples),
      align: "right",
    },
    {
      title: "discarded",
      cell: (arm) => percent(arm.discardedTokens / Math.max(1, arm.smallTokens + arm.bigTokens)),
      align: "right",
    },
    { title: "time/sample", cell: (arm) => duration(arm.wallMs / arm.samples), align: "right" },
  ];
}

function comparisonLine(
  { first, second, difference, ci95: [low, high], pValue }: ArmComparison,
  control: string | undefined,
  arms: readonly ArmSummary[],
): string {
  const role = second === control ? ", the best control" : "";
  const accuracyOf = (name: string): number => arms.find((arm) => arm.name === name)?.accuracy ?? 0;
  const ratio =
    second === "big" && accuracyOf("big") > 0
      ? `: ${percent(accuracyOf(first) / accuracyOf("big"))} of what it gets right`
      : "";
  return `${first} against ${second}${role}: ${points(difference)} points (95%: ${points(low)} to ${points(high)}, ${pValueText(pValue)})${ratio}\n`;
}

function matchingLine({ name, offloadShare, matched }: ArmSummary): string {
  if (matched === undefined) return "";
  const target = offloadShare - matched.shareDifference;
  return `${name} handed over ${percentFine(offloadShare)} of its tokens, ${matched.to} ${percentFine(target)}\n`;
}

const percentFine = (share: number): string => `${(100 * share).toFixed(2)}%`;
