/**
 * From the rewards of a group (rollouts of one problem) to the advantage of each choice. Axes: P problem, G group member.
 */
import { z } from "zod";

export const advantageConfigSchema = z.strictObject({
  /**
   * What the difference to the group's mean is divided by. `none`: nothing (Dr.GRPO, Liu et al. 2025: dividing by the group's deviation favours
   * problems that are nearly always, or never, solved). `group`: the group's standard deviation (GRPO, DAPO).
   */
  scale: z.enum(["none", "group"]).default("none"),
  /**
   * What the sum over choices is divided by. `constant`: `longest` times the number of rollouts (Dr.GRPO). `batch`: the batch's number of
   * choices (DAPO's token-level loss). `rollout`: each rollout's own number of choices, then the number of rollouts (GRPO). Only the policy's
   * choices count, never the big model's tokens.
   */
  normaliser: z.enum(["constant", "batch", "rollout"]).default("batch"),
  /** For `constant`. */
  longest: z.int().positive().default(256),
});

export type AdvantageConfig = z.output<typeof advantageConfigSchema>;

/** Below this spread all members of a group are as good as each other: it teaches nothing. */
const NO_VARIANCE = 1e-9;

/**
 * @param rewardsG Of one problem's rollouts; failed ones are left out by the caller.
 * @returns One advantage a rollout, or undefined when the group has no variance.
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

/** What each choice of a rollout is multiplied by, so that the batch's cost is a mean in the chosen sense. */
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
