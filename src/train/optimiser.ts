/** Settings of the optimiser, the same for supervised and reinforcement learning, and the learning rate that follows from them. */
import { z } from "zod";

/** The settings whose defaults differ between the two. */
export interface OptimiserDefaults {
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly finalShare: number;
  readonly weightDecay: number;
}

/** Fields of a configuration; spread them into its schema. */
export const optimiserFields = (defaults: OptimiserDefaults) => ({
  /** Highest learning rate, reached after the warm-up. */
  learningRate: z.number().positive().default(defaults.learningRate),
  warmupSteps: z.int().nonnegative().default(defaults.warmupSteps),
  /** Shape of the decay after the warm-up (Paper 3.3: cosine). With a constant rate, the gradients' noise wears a policy model down. */
  schedule: z.enum(["cosine", "linear", "constant"]).default("cosine"),
  /** Learning rate of the last step, as a share of the highest. */
  finalShare: z.number().min(0).max(1).default(defaults.finalShare),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.98),
  epsilon: z.number().positive().default(1e-9),
  weightDecay: z.number().nonnegative().default(defaults.weightDecay),
  /** Global gradient norm above which gradients are scaled down; 0 turns it off. */
  clipNorm: z.number().nonnegative().default(1),
});

type Schedule = Pick<
  z.output<z.ZodObject<ReturnType<typeof optimiserFields>>>,
  "learningRate" | "warmupSteps" | "schedule" | "finalShare"
> & { readonly steps: number };

/** Learning rate of a training step; steps count from 0. */
export function learningRateAt(config: Schedule, step: number): number {
  const { steps, warmupSteps, learningRate, finalShare } = config;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const done = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  switch (config.schedule) {
    case "cosine":
      return learningRate * (finalShare + ((1 - finalShare) * (1 + Math.cos(Math.PI * done))) / 2);
    case "linear":
      return learningRate * (finalShare + (1 - finalShare) * (1 - done));
    case "constant":
      return learningRate;
  }
  return config.schedule satisfies never;
}
