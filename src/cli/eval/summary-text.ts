/** Prints an evaluation: a table of the arms, and the comparison in words. */
import { count, duration, percent, points, pValueText } from "../../core/figures.ts";
import type { ArmComparison, ArmSummary, EvaluationSummary } from "../../eval/summary-schema.ts";
import { dollars, finePercent, operations } from "../../core/figures.ts";
import { type Column, renderTable } from "../support/table.ts";
import { type Paint, printableLine } from "../support/terminal.ts";

export function evaluationReport(summary: EvaluationSummary, paint: Paint): string {
  const { task, arms, comparisons, control, samplesPerProblem, seed, configHash, git } = summary;
  const samples = samplesPerProblem === 1 ? "one sample each" : `${samplesPerProblem} samples each`;
  const failed = arms.filter((arm) => arm.failed > 0);
  return [
    `${paint.bold(task.name)} (version ${task.version}), ${count(task.problems)} problems, ${samples}, seed ${seed}\n\n`,
    renderTable(columns(samplesPerProblem, arms), arms, paint.bold),
    "\n",
    renderTable(costColumns(arms), arms, paint.bold),
    costNotes(summary),
    comparisons.length > 0 ? "\n" : "",
    ...comparisons.map((comparison) => comparisonLine(comparison, control, arms)),
    comparisons.length > 1 ? `p-values are adjusted for ${comparisons.length} comparisons (Holm)\n` : "",
    ...arms.map((arm) => matchingLine(arm)),
    ...arms.map((arm) => paint.yellow(cutLine(arm))),
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

function columns(samplesPerProblem: number, arms: readonly ArmSummary[]): Column<ArmSummary>[] {
  const most = String(samplesPerProblem);
  const at = (
    title: string,
    values: (arm: ArmSummary) => Readonly<Record<string, number>>,
  ): Column<ArmSummary> => ({
    title: `${title}@${most}`,
    cell: (arm) => percent(values(arm)[most] ?? 0),
    align: "right",
  });
  return [
    { title: "arm", cell: (arm) => arm.name },
    { title: "right", cell: (arm) => percent(arm.accuracy), align: "right" },
    { title: "95% interval", cell: ({ ci95: [low, high] }) => `${percent(low)} to ${percent(high)}` },
    // With all samples counted, cov@n is pass@n.
    ...(samplesPerProblem > 1 ? [at("pass", (arm) => arm.passAt), at("maj", (arm) => arm.majAt)] : []),
    ...(arms.some(({ cut = 0 }) => cut > 0)
      ? [{ title: "length", cell: ({ cut = 0 }: ArmSummary) => count(cut), align: "right" as const }]
      : []),
    { title: "big tokens", cell: (arm) => percent(arm.offloadShare), align: "right" },
    { title: "hand-offs", cell: (arm) => arm.switches.toFixed(2), align: "right" },
    {
      title: "tokens/sample",
      cell: (arm) => count((arm.smallTokens + arm.bigTokens) / arm.samples),
      align: "right",
    },
  ];
}

/** The mean cost of a sample. */
function costColumns(arms: readonly ArmSummary[]): Column<ArmSummary>[] {
  const right = (title: string, cell: (arm: ArmSummary) => string): Column<ArmSummary> => ({
    title,
    cell,
    align: "right",
  });
  const perSample = (pick: (work: NonNullable<ArmSummary["work"]>) => number) => (arm: ArmSummary) =>
    arm.work === undefined ? "" : count(pick(arm.work) / arm.samples);
  return [
    { title: "a sample", cell: (arm) => arm.name },
    right(
      "small reads",
      perSample(({ small }) => small.prefilled + small.scored),
    ),
    right(
      "draws",
      perSample(({ small }) => small.decoded),
    ),
    right(
      "big reads",
      perSample(({ big }) => big.prefilled + big.scored),
    ),
    right(
      "draws",
      perSample(({ big }) => big.decoded),
    ),
    right("discarded", (arm) => count(arm.discardedTokens / arm.samples)),
    right("first token", ({ firstTokenMs }) =>
      firstTokenMs === undefined ? "" : duration(firstTokenMs.p50),
    ),
    right("time", (arm) => duration(arm.wallMs / arm.samples)),
    right("tokens/s", ({ tokensPerSecond }) =>
      tokensPerSecond === undefined ? "" : tokensPerSecond.toPrecision(3),
    ),
    ...(arms.some((arm) => draftsOf(arm) !== undefined)
      ? [right("drafts taken", (arm) => draftsOf(arm) ?? "")]
      : []),
    ...(arms.some((arm) => arm.compute !== undefined)
      ? [right("FLOP", ({ compute }) => (compute === undefined ? "" : operations(compute.flopsPerSample)))]
      : []),
    ...(arms.some((arm) => arm.compute?.joulesPerSample !== undefined)
      ? [right("joules", ({ compute }) => compute?.joulesPerSample?.toPrecision(3) ?? "")]
      : []),
    ...(arms.some((arm) => arm.costUsd !== undefined)
      ? [
          right("$/1,000", ({ costUsd }) => (costUsd === undefined ? "" : dollars(1000 * costUsd.perSample))),
          right("$/1,000 right", ({ costUsd }) =>
            costUsd === undefined || costUsd.perRight === null ? "" : dollars(1000 * costUsd.perRight),
          ),
        ]
      : []),
  ];
}

/** The share of the tokens guessed by the small model that the big one wrote too. Undefined if nothing was guessed. */
function draftsOf({ work }: ArmSummary): string | undefined {
  const { drafted = 0, accepted = 0 } = work?.small ?? {};
  return drafted === 0 ? undefined : percent(accepted / drafted);
}

function costNotes({ arms, execution }: EvaluationSummary): string {
  const inFlight = execution === undefined ? "" : `; times with ${execution.concurrency} samples in flight`;
  const estimate = arms.some((arm) => arm.compute !== undefined)
    ? "; FLOP estimated from the models' sizes"
    : "";
  return `tokens, averages; the first token's time is a median${inFlight}${estimate}\n`;
}

function comparisonLine(
  { first, second, difference, ci95: [low, high], pValue, pAdjusted = pValue }: ArmComparison,
  control: string | undefined,
  arms: readonly ArmSummary[],
): string {
  const role = second === control ? ", the best control" : "";
  const accuracyOf = (name: string): number => arms.find((arm) => arm.name === name)?.accuracy ?? 0;
  const ratio =
    second === "big" && accuracyOf("big") > 0
      ? `: ${percent(accuracyOf(first) / accuracyOf("big"))} of what it gets right`
      : "";
  return `${first} against ${second}${role}: ${points(difference)} points (95%: ${points(low)} to ${points(high)}, ${pValueText(pAdjusted)})${ratio}\n`;
}

function cutLine({ name, cut = 0, samples }: ArmSummary): string {
  if (cut === 0) return "";
  return `${name}: ${count(cut)} of ${count(samples)} samples reached the limit of tokens before an answer (length) and count as wrong; --max-tokens raises it\n`;
}

function matchingLine({ name, offloadShare, matched }: ArmSummary): string {
  if (matched === undefined) return "";
  const target = offloadShare - matched.shareDifference;
  return `${name} handed over ${finePercent(offloadShare)} of its tokens, ${matched.to} ${finePercent(target)}\n`;
}
