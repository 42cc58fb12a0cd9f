/**
 * Policy-gradient losses as derivatives: each gives d cost / d(log-probability) of one choice, at the current policy model. The trainer
 * then needs only `cross_entropy`, with weights -d cost / d logp (Tinker protocol: "any other loss"). Losses are sums, not means:
 * advantages include the normalisers.
 */
import { z } from "zod";

export const LOSS_NAMES = ["importance_sampling", "ppo", "cispo"] as const;

const lossObjectSchema = z.strictObject({
  /**
   * `importance_sampling`: C = -ratio A. `ppo` (Schulman et al. 2017): C = -min(ratio A, clip(ratio) A). `cispo` (MiniMax-M1, 2025):
   * C = -stop_gradient(clip(ratio)) A logp: a clipped choice still teaches.
   */
  name: z.enum(LOSS_NAMES).default("ppo"),
  /** Lower clip: the ratio is held above 1 - clipLow. */
  clipLow: z.number().min(0).max(1).default(0.2),
  /** Upper clip: the ratio is held below 1 + clipHigh (DAPO's "clip higher": 0.28). */
  clipHigh: z.number().positive().default(0.28),
});

/** A name, or a loss with its options. */
export const lossConfigSchema = z.preprocess(
  (input) => (typeof input === "string" ? { name: input } : input),
  lossObjectSchema,
);

export type LossConfig = z.output<typeof lossConfigSchema>;

export interface ChoiceLoss {
  /** Loss of the choice. The sum over choices is minimised. */
  readonly cost: number;
  /** d cost / d logprob. */
  readonly derivative: number;
  readonly clipped: boolean;
}

/**
 * @param logprob Log-probability under the policy model being trained (nats).
 * @param behaviour Log-probability under the policy model that sampled (nats).
 */
export function choiceLoss(
  config: LossConfig,
  logprob: number,
  behaviour: number,
  advantage: number,
): ChoiceLoss {
  const ratio = Math.exp(Math.min(logprob - behaviour, 20));
  const held = Math.min(Math.max(ratio, 1 - config.clipLow), 1 + config.clipHigh);
  switch (config.name) {
    case "importance_sampling":
      return { cost: -ratio * advantage, derivative: -ratio * advantage, clipped: false };
    case "ppo": {
      const clipped = held * advantage < ratio * advantage;
      return clipped
        ? { cost: -held * advantage, derivative: 0, clipped }
        : { cost: -ratio * advantage, derivative: -ratio * advantage, clipped };
    }
    case "cispo":
      return { cost: -held * advantage * logprob, derivative: -held * advantage, clipped: held !== ratio };
    default:
      return config.name satisfies never;
  }
}
