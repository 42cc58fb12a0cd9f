/** One line about a step of supervised training. */
import { count, duration } from "../../core/figures.ts";
import type { StepMetrics } from "../../train/supervised/loop.ts";

export const supervisedLine = (
  { step, loss, tokensPerSecond, secondsLeft }: StepMetrics,
  steps: number,
): string =>
  `${count(step)} of ${count(steps)} steps, ${duration(1000 * secondsLeft)} left; loss ${loss.toFixed(4)}, ${count(tokensPerSecond)} tokens/s`;
