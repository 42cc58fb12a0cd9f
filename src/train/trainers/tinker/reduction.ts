/**
 * Turns -sum(weights * logprob) into what a server computes. SkyRL's jax backend divides each datum's loss by the sum of its weights, and
 * the gradient by the number of datums. So a weight cannot say how much its datum matters, and a sum of weights that is not positive makes
 * the loss explode. Its `cispo` loss, with both clips at 1, is -A * logprob times a factor of exactly 1. There A carries what weights
 * cannot.
 */
import type { Datum } from "../../trainer.ts";
import type { WireDatum } from "./wire/protobuf.ts";

export interface WireLoss {
  readonly loss: string;
  readonly config: Readonly<Record<string, number>>;
}

export const SUM_LOSS: WireLoss = { loss: "cross_entropy", config: {} };
export const MEAN_LOSS: WireLoss = {
  loss: "cispo",
  config: { clip_low_threshold: 1, clip_high_threshold: 1 },
};

/** @param count Number of datums in the step, which the gradient will be divided by. */
export function wireDatum(datum: Datum, reduction: "sum" | "mean", count: number): WireDatum {
  const { tokens, targets, weights } = datum;
  if (reduction === "sum") return { tokens, targets, floats: { weights } };
  const mask = weights.map((weight) => (weight === 0 ? 0 : 1));
  const marked = mask.reduce<number>((sum, value) => sum + value, 0);
  return {
    tokens,
    targets,
    floats: {
      weights: mask,
      logprobs: weights.map(() => 0),
      advantages: weights.map((weight) => weight * marked * count),
    },
  };
}

/** Datum for passes that only ask: every target counts. */
export const askingDatum = ({ tokens, targets }: Pick<WireDatum, "tokens" | "targets">): WireDatum => ({
  tokens,
  targets,
  floats: { weights: targets.map(() => 1) },
});
