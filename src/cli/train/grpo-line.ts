/** Formats a step of reinforcement learning, and an evaluation, in one line. */
import { count, duration, percent } from "../../core/figures.ts";
import type { GrpoEvaluation, GrpoMetrics } from "../../train/grpo/loop.ts";
import { printable } from "../support/terminal.ts";

export function grpoFigures(metrics: GrpoMetrics, steps: number): string {
  const { reward, accuracy, share, opensPerRollout, openLogprob, entropy, klToStart } = metrics;
  const figures = [
    `reward ${reward.toFixed(3)}`,
    `right ${percent(accuracy)}`,
    `share ${percent(share)}`,
    `calls ${opensPerRollout.toFixed(2)}`,
    `log P(open) ${openLogprob === undefined ? "-" : openLogprob.toFixed(2)}`,
    `entropy ${entropy.toFixed(3)}`,
    `KL to start ${klToStart === undefined ? "-" : klToStart.toFixed(4)}`,
    `${count(metrics.tokensPerSecond)} tokens/s`,
    ...(metrics.failed === 0
      ? []
      : [`${metrics.failed} rollouts failed (${printable(metrics.failure ?? "no reason")})`]),
  ].join(", ");
  return `${count(metrics.step)} of ${count(steps)} steps, ${duration(metrics.secondsLeft * 1000)} left; ${figures}`;
}

export const scoresLine = ({ scores }: GrpoEvaluation): string =>
  Object.entries(scores)
    .map(([name, value]) => `${name} ${percent(value)}`)
    .join(", ");
