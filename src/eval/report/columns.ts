/** Columns of the table of arms, with their figures as text: the same in Markdown and on a terminal. */
import { count, dollars, duration, finePercent, operations, percent } from "../../core/figures.ts";
import type { Measured, ReportArm, ReportDocument } from "./document.ts";

export interface ArmColumn {
  readonly title: string;
  readonly cell: (arm: ReportArm) => string;
  readonly align: "left" | "right";
}

const DASH = "–";

/** Columns for which no arm has a figure are left out. */
export function armColumns({ arms, runs }: ReportDocument): ArmColumn[] {
  const atK = arms.find((arm) => arm.atK !== undefined)?.atK?.k;
  const has = (pick: (arm: ReportArm) => unknown): boolean => arms.some((arm) => pick(arm) !== undefined);
  const right = (title: string, cell: ArmColumn["cell"]): ArmColumn => ({ title, cell, align: "right" });
  return [
    ...(runs.length > 1
      ? [{ title: "run", cell: ({ run }: ReportArm) => runs[run]?.name ?? "", align: "left" as const }]
      : []),
    { title: "arm", cell: ({ name }) => name, align: "left" },
    right("right", ({ accuracy }) => percent(accuracy.value)),
    right("95% interval", ({ accuracy }) => interval(accuracy, percent)),
    ...(atK === undefined ? [] : samplesColumns(arms, right)),
    right("big tokens", ({ share }) => finePercent(share.value)),
    right("95% interval", ({ share }) => interval(share, finePercent)),
    right("hand-offs", ({ handoffs }) => handoffs.toFixed(2)),
    right("tokens", ({ tokens }) => count(tokens)),
    right("discarded", ({ discardedShare }) => percent(discardedShare)),
    ...(has(({ wallMs }) => wallMs) ? [right("time", ({ wallMs }) => of(wallMs, duration))] : []),
    ...(has(({ tokensPerSecond }) => tokensPerSecond)
      ? [right("tokens/s", ({ tokensPerSecond }) => of(tokensPerSecond, (rate) => rate.toPrecision(3)))]
      : []),
    ...(has(({ draftsTaken }) => draftsTaken)
      ? [right("drafts taken", ({ draftsTaken }) => optional(draftsTaken, percent))]
      : []),
    ...(has(({ firstTokenMs }) => firstTokenMs)
      ? [right("first token", ({ firstTokenMs }) => optional(firstTokenMs, duration))]
      : []),
    ...(has(({ costUsd }) => costUsd) ? [right("cost", ({ costUsd }) => of(costUsd, dollars))] : []),
    ...(has(({ flops }) => flops) ? [right("operations", ({ flops }) => of(flops, operations))] : []),
    right("failed", ({ failed }) => count(failed)),
  ];
}

/** Arms of different runs may have different numbers of samples: each says its own. */
function samplesColumns(
  arms: readonly ReportArm[],
  right: (title: string, cell: ArmColumn["cell"]) => ArmColumn,
): ArmColumn[] {
  const ks = [...new Set(arms.flatMap(({ atK }) => atK?.k ?? []))];
  const [k] = ks;
  const column = (name: "pass" | "cov" | "maj"): ArmColumn[] =>
    arms.some(({ atK }) => atK?.[name] !== undefined)
      ? [
          right(ks.length === 1 ? `${name}@${k}` : `${name}@k`, ({ atK }) => {
            const value = atK?.[name];
            if (value === undefined) return DASH;
            return ks.length === 1 ? percent(value) : `${percent(value)} (k ${atK?.k})`;
          }),
        ]
      : [];
  return [...column("pass"), ...column("cov"), ...column("maj")];
}

const interval = ({ ci95 }: Measured, write: (value: number) => string): string =>
  // A share that the arm itself fixes at 0 or 1 has no interval.
  ci95 === undefined || ci95[0] === ci95[1] ? DASH : `${write(ci95[0])} to ${write(ci95[1])}`;

const of = (measured: Measured | undefined, write: (value: number) => string): string =>
  optional(measured?.value, write);
const optional = (value: number | undefined, write: (value: number) => string): string =>
  value === undefined ? DASH : write(value);
