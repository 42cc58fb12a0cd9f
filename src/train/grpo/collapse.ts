/** Notices a run that has collapsed, and says why. */
import type { GrpoConfig } from "./config.ts";

export interface CollapseSigns {
  /**
   * Mean reward at the prices of the first step. A price that rises lowers the reward of an unchanged policy model, which is no collapse.
   */
  readonly steadyReward: number;
  readonly share: number;
  readonly entropy: number;
}

/**
 * @param history Signs of all steps so far, oldest first.
 * @returns The reason to stop, or undefined.
 */
export function collapseReason(
  history: readonly CollapseSigns[],
  { window, rewardDrop, share, entropyRise }: GrpoConfig["collapse"],
): string | undefined {
  if (history.length < 2 * window) return undefined;
  const mean = (steps: readonly CollapseSigns[], of: (signs: CollapseSigns) => number): number =>
    steps.reduce((sum, signs) => sum + of(signs), 0) / steps.length;
  const first = history.slice(0, window);
  const last = history.slice(-window);
  const start = mean(first, (signs) => signs.steadyReward);
  const now = mean(last, (signs) => signs.steadyReward);
  if (now < start - rewardDrop) {
    return `the mean reward of the last ${window} steps, at the first step's prices, is ${now.toFixed(3)}; it was ${start.toFixed(3)} in the first ${window}. Lower the learning rate or the prices.`;
  }
  if (last.every((signs) => signs.share > share)) {
    return `the big model has written more than ${(share * 100).toFixed(0)}% of the tokens for ${window} steps. Raise the price of help (lambda) or lower the budget.`;
  }
  const calm = mean(first, (signs) => signs.entropy);
  const entropy = mean(last, (signs) => signs.entropy);
  if (entropy > calm + entropyRise) {
    return `the policy model's entropy has risen from ${calm.toFixed(2)} to ${entropy.toFixed(2)} nats a token: it writes noise. Lower the learning rate.`;
  }
  return undefined;
}
