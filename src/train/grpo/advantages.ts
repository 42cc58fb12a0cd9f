/** Turns the rewards of a group (rollouts of one problem) into the advantage of each choice. Axes: P problem, G rollout of a group. */
import { z } from "zod";

export const advantageConfigSchema = z.strictObject({
  /**
   * Divisor of the difference to the group's mean. `none`: no divisor (Dr.GRPO, Liu et al. 2025: dividing by the group's deviation favours
   * problems that are nearly always, or never, solved). `group`: the group's standard deviation (GRPO, DAPO).
   */
  scale: z.enum(["none", "group"]).default("none"),
  /**
   * Divisor of the sum over choices. `constant`: `longest` times the number of rollouts (Dr.GRPO). `batch`: the batch's number of choices
   * (DAPO's token-level loss). `rollout`: each rollout's own number of choices, then the number of rollouts (GRPO). Only the policy model's
   * choices count, never the big model's tokens.
   */
  normaliser: z.enum(["constant", "batch", "rollout"]).default("batch"),
  /** Tokens that `constant` divides by. */
  longest: z.int().positive().default(256),
});

export type AdvantageConfig = z.output<typeof advantageConfigSchema>;

/** Spread below which all rollouts of a group are equally good: the group teaches nothing. */
const NO_VARIANCE = 1e-9;

/**
 * Advantages of one group.
 * @param rewardsG Rewards of one problem's rollouts. The caller leaves failed ones out.
 * @returns One advantage for each rollout, or undefined when the group has no variance.
 */
export function groupAdvantages(
  rewardsG: readonly number[],
  scale: AdvantageConfig["scale"],
): number[] | undefined {
  if (rewardsG.length < 2) return undefined;
  const mean = rewardsG.reduce((sum, reward) => sum + reward, 0) / rewardsG.length;
  const centred = rewardsG.map((reward) => reward - mean);
  const deviation = Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0) / (rewardsG.length - 1));
  if (deviation < NO_VARIANCE) return undefined;
  return scale === "none" ? centred : centred.map((value) => value / deviation);
}

/** Factors of each rollout's choices. With them the batch's loss is a mean in the chosen sense. */
export function choiceScales(
  config: Pick<AdvantageConfig, "normaliser" | "longest">,
  choicesR: readonly number[],
): number[] {
  const rollouts = choicesR.length;
  const all = choicesR.reduce((sum, count) => sum + count, 0);
  return choicesR.map((count) => {
    switch (config.normaliser) {
      case "constant":
        return 1 / (config.longest * rollouts);
      case "batch":
        return all === 0 ? 0 : 1 / all;
      case "rollout":
        return count === 0 ? 0 : 1 / (count * rollouts);
    }
    return config.normaliser satisfies never;
  });
}
