/** What a reward sees of a rollout, and what it says about it. Rewards see a whole group: some depend on what the others of it did. */
import type { FinishReason } from "../../../decode/events.ts";

export interface RolloutFacts {
  /** Whether the answer is right, by the task's own grader. */
  readonly correct: boolean;
  /** What the small model saw of the output, tags in place, from the opening of the chain of thought on. */
  readonly taggedText: string;
  readonly finish: FinishReason;
  readonly smallTokens: number;
  readonly bigTokens: number;
  /** Open tags of the small model that were granted, by whomever the span was written. */
  readonly opens: number;
  /** Big tokens decoded behind a close and thrown away. */
  readonly discardedTokens: number;
}

/** Where the training is: rewards may tighten on the way. */
export interface RewardMoment {
  readonly step: number;
  readonly steps: number;
}

export interface RewardResult {
  readonly total: number;
  /** By name; they sum to the total. */
  readonly parts: Readonly<Record<string, number>>;
  /** Taken from the advantage of each open tag, and of nothing else. */
  readonly openPrice?: number;
  /** For each token of the big model, taken from the advantage of the choices that let it be written, and of nothing else. */
  readonly tokenPrice?: number;
}

/** Prices that lie on the choices that cause a cost, instead of on the whole rollout. */
export type ChoicePrices = Pick<RewardResult, "openPrice" | "tokenPrice">;

export interface Reward {
  readonly name: string;
  /**
   * Whether the big model writes in the rollouts. `self`: the small model writes its own spans, as in the paper's training, and nobody
   * can know what the big model would have done.
   */
  readonly rollouts: "pair" | "self";
  /** One result a member, in order. */
  score(groupG: readonly RolloutFacts[], moment: RewardMoment): RewardResult[];
}

/** Share of the generated tokens that the big model wrote: tags are not counted. */
export function offloadShare({ smallTokens, bigTokens }: RolloutFacts): number {
  return bigTokens === 0 ? 0 : bigTokens / (smallTokens + bigTokens);
}

export function fromParts(parts: Readonly<Record<string, number>>, prices: ChoicePrices = {}): RewardResult {
  const total = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { total, parts, ...prices };
}
