/**
 * The cost of samples by a price table. It is the cost of all work, not of the output alone. Each model reads the other's text, one draws
 * tokens that the other discards, and a server without memory is sent the whole context each time.
 */
import type { Rng } from "../../core/rng.ts";
import { mean } from "../../core/statistics.ts";
import type { EngineWorkCounts, RowFigures } from "../row.ts";
import { bootstrapMean } from "../statistics/accuracy.ts";
import type { ArmCost, ModelPrice } from "../summary-schema.ts";
import type { ArmPrices } from "./prices.ts";

type Dollars = ArmCost["small"];

/** Tokens of one model by how they are charged. */
export function billedTokens({ prefilled, scored, decoded, sent = 0 }: EngineWorkCounts): Dollars {
  const prompt = prefilled + scored;
  // A context that is sent again also holds what the model drew; the server's cache knows it like what it read.
  return { prompt, cachedPrompt: Math.max(0, sent - prompt), completion: decoded };
}

/** Dollars for the work of one model. */
function dollarsFor(work: EngineWorkCounts, price: ModelPrice): Dollars {
  const tokens = billedTokens(work);
  return {
    prompt: (tokens.prompt * price.prompt) / 1e6,
    cachedPrompt: (tokens.cachedPrompt * (price.cachedPrompt ?? price.prompt)) / 1e6,
    completion: (tokens.completion * price.completion) / 1e6,
  };
}

/**
 * Computes the cost of one arm's samples, grouped by problem. Samples whose work is unknown are left out and counted. Undefined if all are.
 */
export function costOf(
  rowsPS: readonly (readonly RowFigures[])[],
  prices: ArmPrices,
  rng: Rng,
): ArmCost | undefined {
  const small = { prompt: 0, cachedPrompt: 0, completion: 0 };
  const big = { prompt: 0, cachedPrompt: 0, completion: 0 };
  const perProblem: number[] = [];
  let [priced, right, unpriced] = [0, 0, 0];
  for (const rows of rowsPS) {
    const costs: number[] = [];
    for (const { work, correct } of rows) {
      if (work === undefined) {
        unpriced += 1;
        continue;
      }
      const own = dollarsFor(work.small, prices.small);
      const others = prices.big === undefined ? undefined : dollarsFor(work.big, prices.big);
      add(small, own);
      if (others !== undefined) add(big, others);
      costs.push(totalOf(own) + (others === undefined ? 0 : totalOf(others)));
      priced += 1;
      if (correct) right += 1;
    }
    if (costs.length > 0) perProblem.push(mean(costs));
  }
  if (priced === 0) return undefined;
  const total = totalOf(small) + totalOf(big);
  return {
    total,
    perSample: total / priced,
    ci95: bootstrapMean(perProblem, rng),
    perRight: right === 0 ? null : total / right,
    small,
    big,
    unpriced,
  };
}

const totalOf = ({ prompt, cachedPrompt, completion }: Dollars): number => prompt + cachedPrompt + completion;

function add(sum: Dollars, part: Dollars): void {
  sum.prompt += part.prompt;
  sum.cachedPrompt += part.cachedPrompt;
  sum.completion += part.completion;
}
