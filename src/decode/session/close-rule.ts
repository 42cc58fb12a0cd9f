/** Decides where a segment of the big model ends, from the small model's prediction (Paper 3.1). */
import type { Rng } from "../../core/rng.ts";
import type { ScoreEntry } from "../../engines/engine.ts";

/** Decides from an entry whose first watched marker is the close tag. */
export interface CloseRule {
  closesAfter(entry: ScoreEntry): boolean;
}

/**
 * At temperature 0 the close is taken iff it is the single most likely next token. Above, a Bernoulli draw with
 * {@link temperedProbability}.
 *
 * Deviations from sampling the small model's next token at each position: (1) At T > 0 and T != 1 the two-way odds are tempered,
 * not the whole distribution. A prefill reports P(close), and not the normaliser at another temperature. This is exact at
 * T = 1. (2) top-p is not applied. (3) The draw is `rng.fork(position)`, so it depends neither on chunk sizes nor on the small
 * model's other draws.
 */
export function createCloseRule(temperature: number, rng: Rng): CloseRule {
  if (temperature === 0) return { closesAfter: (entry) => entry.watchArgmax === 0 };
  return {
    closesAfter: (entry) => {
      const logprob = entry.watchLogprobs[0];
      if (logprob === undefined) return false;
      return rng.fork(entry.position).next() < temperedProbability(logprob, temperature);
    },
  };
}

/** q with q/(1-q) = (p/(1-p))^(1/T), p = exp(logprob). */
export function temperedProbability(logprob: number, temperature: number): number {
  const logOthers = Math.log(-Math.expm1(Math.min(logprob, 0)));
  return 1 / (1 + Math.exp((logOthers - logprob) / temperature));
}
