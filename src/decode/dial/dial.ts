/** The dial, per request: how much help the small model may ask for, and get. */
import { z } from "zod";

import type { Rng } from "../../core/rng.ts";
import type { Refusal, SegmentEndReason } from "../events/events.ts";

const share = z.number().min(0).max(1);

/** Every setting, once. The other lists of them are made of this one. */
const settings = {
  /** Nats added to the open tag's logit: above 0 more offloading, below less. */
  bias: z.number(),
  /**
   * Limit on the big model's share of the generated tokens, kept between spans. A span begins where the ones before it are paid: by what the
   * output has earned so far, or will when it is as long as expected. It then ends where it would without a budget, and what it takes is
   * owed. So an answer of the expected length or more ends at most one span above its budget.
   */
  budget: share,
  /**
   * Whether the budget holds after *every* token: bigTokens <= max(budgetGrace, budget * (smallTokens + bigTokens)). That cuts spans short
   * in the middle, and a number cut short is wrong: it is for those who pay by the token.
   */
  hard: z.boolean(),
  /**
   * Big tokens that are free of the budget while the output is short (more than `budget` of fewer than budgetGrace/budget
   * tokens). Without effect when the budget is 0.
   */
  budgetGrace: z.number().int().nonnegative(),
  /** The longest segment the big model may write, in tokens. */
  maxSegmentTokens: z.number().int().positive(),
  /** Segments per generation. */
  maxSegments: z.number().int().nonnegative(),
  /** Probability of refusing a request to offload (Paper 3.1). */
  reject: share,
};

/** Some settings of the dial, as a flag, a preset or a request gives them. */
export const askedDialSchema = z.object(settings).partial().strict();
export type AskedDial = z.output<typeof askedDialSchema>;

/** The whole dial. What is not set has no limit. */
export const dialSchema = askedDialSchema.extend({
  bias: settings.bias.default(0),
  budget: settings.budget.default(1),
  hard: settings.hard.default(false),
  budgetGrace: settings.budgetGrace.default(0),
  reject: settings.reject.default(0),
});
export type DialInput = z.input<typeof dialSchema>;
export type Dial = z.output<typeof dialSchema>;
export type DialField = keyof Dial;

/** The settings that limit how much the big model writes. */
export const DIAL_LIMITS: readonly DialField[] = ["budget", "maxSegmentTokens", "maxSegments"];

/** Those settings of the dial that `source` gives, and nothing else of it. */
export function askedDial(source: AskedDial): AskedDial {
  const given = Object.entries(source).filter(
    ([name, value]) => Object.hasOwn(settings, name) && value !== undefined,
  );
  return askedDialSchema.parse(Object.fromEntries(given));
}

/** The tokens that a segment may use. `tokens` may be Infinity. */
export interface Allowance {
  readonly tokens: number;
  /** After so many tokens the segment ends at the next boundary of the text, for the reason `budget`. */
  readonly boundaryAfter?: number;
  /** The segment's end when it uses all of it. */
  readonly reason: SegmentEndReason;
}

export interface Spent {
  readonly smallTokens: number;
  readonly bigTokens: number;
}

/** Lengths of an output, as far as they are known before it is written. */
export interface Expected {
  /** Tokens that most outputs do not exceed. 0 if nothing is known. */
  readonly tokens: number;
  /** Tokens of a span of the big model. */
  readonly spanTokens: number;
}

/** How many spans of this generation weigh as much as what is expected of a span beforehand. */
const PRIOR_SPANS = 2;
/** A span that becomes longer than so many expected ones ends at the next boundary of the text, unless it has credit. */
const LONGEST_SPAN = 4;
/** Tokens in which a boundary is looked for. */
const BOUNDARY_ROOM = 32;

/** Applies the dial to one generation. */
export class Gate {
  readonly #dial: Dial;
  readonly #rng: Rng;
  readonly #expected: Expected;
  #requests = 0;
  #segments = 0;

  constructor(dial: Dial, rng: Rng, expected: Expected) {
    this.#dial = dial;
    this.#rng = rng;
    this.#expected = expected;
  }

  /** Whether no request can be granted any more: then the open tag is forbidden from the outset, and no one is asked. */
  get shut(): boolean {
    return this.#dial.budget === 0 || this.outOfSegments;
  }

  get outOfSegments(): boolean {
    return this.#segments >= (this.#dial.maxSegments ?? Infinity);
  }

  /**
   * Whether the small model's request is refused, and why. `self`: it wants to write the span by itself, which costs no budget.
   * Each request makes its own draw, so a seed refuses the same requests whatever else happens.
   */
  refuseRequest(spent: Spent, writer: "big" | "self"): Refusal | undefined {
    const draw = this.#rng.fork(this.#requests++).next();
    if (this.outOfSegments) return "segments";
    if (writer === "big" && !this.#fits(spent)) return "budget";
    return draw < this.#dial.reject ? "reject" : undefined;
  }

  /** Whether a segment that a policy schedules is refused, and why. The dial's probability of refusing is for requests only. */
  refuseScheduled(spent: Spent): Refusal | undefined {
    if (this.outOfSegments) return "segments";
    return this.#fits(spent) ? undefined : "budget";
  }

  countSegment(): void {
    this.#segments++;
  }

  /** Tokens that the big model may write before the small one writes again. */
  allowance(spent: Spent): Allowance {
    const segment = this.#dial.maxSegmentTokens ?? Infinity;
    const within = (most: number): Allowance =>
      segment <= most ? { tokens: segment, reason: "segment-limit" } : { tokens: most, reason: "budget" };
    if (!this.#isKeptBetweenSpans) return within(this.budgetLeft(spent));
    const longest = LONGEST_SPAN * this.#expectedTokens(spent);
    const boundaryAfter = Math.ceil(Math.max(this.#credit(spent), longest));
    return { ...within(boundaryAfter + BOUNDARY_ROOM), boundaryAfter };
  }

  /** Whether the next span may begin: all spans before it are paid. */
  #fits(spent: Spent): boolean {
    return this.#isKeptBetweenSpans ? this.#credit(spent) >= 0 : this.budgetLeft(spent) >= 1;
  }

  /** Budgets of 0 and 1 need no credit: nothing is allowed, or everything. */
  get #isKeptBetweenSpans(): boolean {
    const { budget, hard } = this.#dial;
    return !hard && budget > 0 && budget < 1;
  }

  /** Tokens of a span: what was expected beforehand and the spans so far, averaged. */
  #expectedTokens({ bigTokens }: Spent): number {
    return (PRIOR_SPANS * this.#expected.spanTokens + bigTokens) / (PRIOR_SPANS + this.#segments);
  }

  /** Big tokens that were earned, or will be, and are not spent. Below 0 where they are owed. */
  #credit({ smallTokens, bigTokens }: Spent): number {
    const { budget, budgetGrace } = this.#dial;
    const later = budget * this.#expected.tokens;
    return Math.max((budget * smallTokens) / (1 - budget), budgetGrace, later) - bigTokens;
  }

  /** The longest span that the small model may write by itself. */
  get spanTokens(): number {
    return this.#dial.maxSegmentTokens ?? Infinity;
  }

  /** The largest n with bigTokens + n <= max(grace, budget * (smallTokens + bigTokens + n)). */
  budgetLeft({ smallTokens, bigTokens }: Spent): number {
    const { budget, budgetGrace } = this.#dial;
    if (budget === 1) return Infinity;
    if (budget === 0) return 0;
    // The small surplus absorbs rounding: .1 * 90 / .9 must allow 10.
    const earned = Math.floor((budget * smallTokens) / (1 - budget) + 1e-9);
    return Math.max(0, Math.max(earned, budgetGrace) - bigTokens);
  }
}
