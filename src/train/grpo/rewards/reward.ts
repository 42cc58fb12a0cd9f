/**
 * The contract of a reward: what it sees of a group of rollouts, what it says about each, and what users may set. A reward is one file here, which
 * calls {@link defineReward}, and its line in `registry.ts`.
 */
import { z } from "zod";

import type { FinishReason } from "../../../decode/events/events.ts";

export interface RolloutFacts {
  /** Whether the answer is right, by the task's own grader. */
  readonly correct: boolean;
  /** The output as the small model saw it, with the canonical tags in place, from the opening of the chain of thought. */
  readonly taggedText: string;
  readonly finish: FinishReason;
  readonly smallTokens: number;
  readonly bigTokens: number;
  /** Granted open tags of the small model, whoever wrote the span. */
  readonly opens: number;
  /** Big tokens decoded after a close and discarded. */
  readonly discardedTokens: number;
}

/** How far the training is: rewards may become stricter with time. */
export interface RewardMoment {
  readonly step: number;
  readonly steps: number;
}

export interface RewardResult {
  readonly total: number;
  /** By name; they sum to the total. */
  readonly parts: Readonly<Record<string, number>>;
  /** Price of each open tag. It is subtracted from that choice's advantage alone. */
  readonly openPrice?: number;
  /** Price of each token of the big model. It is subtracted from the advantages of the choices that led to the token, and of no others. */
  readonly tokenPrice?: number;
}

/** Prices of single choices, charged where the cost is caused and not to the whole rollout. */
export type ChoicePrices = Pick<RewardResult, "openPrice" | "tokenPrice">;

export interface Reward {
  readonly name: string;
  /**
   * Who writes the spans in the rollouts. `pair`: the big model. `self`: the small model itself, as in the paper's training; what the big model
   * would have written is never known.
   */
  readonly rollouts: "pair" | "self";
  /** One result for each rollout of a group, in order. */
  score(groupG: readonly RolloutFacts[], moment: RewardMoment): RewardResult[];
}

/** A reward before its options are chosen. */
export interface RewardKind {
  readonly name: string;
  /** One line for help texts. */
  readonly help: string;
  /** Name and options, as configuration files have them. An option called `budget` is what `--budget` sets. */
  readonly schema: z.ZodObject;
  /** @param config What `schema` accepts. @throws ZodError otherwise. */
  create(config: unknown): Reward;
}

/** Checks a reward's options where it is created, so that its `score` has their types. */
export function defineReward<Options extends z.ZodRawShape>(
  kind: Pick<RewardKind, "name" | "help"> &
    Pick<Reward, "rollouts"> & {
      /** The settings that users may change, each with a default. */
      readonly options: Options;
      readonly score: (options: z.output<z.ZodObject<Options, z.core.$strict>>) => Reward["score"];
    },
): RewardKind {
  const { name, help, rollouts } = kind;
  const optionsSchema = z.strictObject(kind.options);
  const schema = z.strictObject({ name: z.literal(name), ...kind.options });
  return {
    name,
    help,
    schema,
    create(config) {
      const { name: _, ...options }: Readonly<Record<string, unknown>> = schema.parse(config);
      return { name, rollouts, score: kind.score(optionsSchema.parse(options)) };
    },
  };
}

/** The big model's share of the generated tokens. Tags are not counted. */
export function offloadShare({ smallTokens, bigTokens }: RolloutFacts): number {
  return bigTokens === 0 ? 0 : bigTokens / (smallTokens + bigTokens);
}

export function fromParts(parts: Readonly<Record<string, number>>, prices: ChoicePrices = {}): RewardResult {
  const total = Object.values(parts).reduce((sum, part) => sum + part, 0);
  return { total, parts, ...prices };
}
