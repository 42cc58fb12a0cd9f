/** Speed against length of context: what a token costs where it stands, and what a run of tokens costs together. */

/** A speed as it was measured, or taken from elsewhere. */
export interface SpeedPoint {
  /** Tokens in the sequence before those that were timed. */
  readonly contextTokens: number;
  readonly tokensPerSecond: number;
}

interface Knot {
  readonly context: number;
  /** Milliseconds a token. */
  readonly tokenMs: number;
  /** Milliseconds of all tokens from an empty context up to here. */
  readonly sumMs: number;
}

/**
 * Milliseconds a token, linear between the contexts measured and constant outside of them: attention makes a token's cost grow linearly with
 * what it attends to, so that the time a token, not the speed, is what interpolates well.
 */
export class SpeedCurve {
  readonly #knots: readonly Knot[];

  /** @param points At least one, of different contexts, in any order. */
  constructor(points: readonly SpeedPoint[]) {
    const sorted = points.toSorted((left, right) => left.contextTokens - right.contextTokens);
    const knots: Knot[] = [];
    for (const { contextTokens: context, tokensPerSecond } of sorted) {
      const tokenMs = 1000 / tokensPerSecond;
      const before = knots.at(-1);
      const sumMs =
        before === undefined
          ? context * tokenMs
          : before.sumMs + ((context - before.context) * (before.tokenMs + tokenMs)) / 2;
      knots.push({ context, tokenMs, sumMs });
    }
    if (knots.length === 0) throw new TypeError("SpeedCurve: no point");
    this.#knots = knots;
  }

  /** Tokens of the longest context that it knows of: one speed alone is meant for all. */
  get longestContext(): number {
    return this.#knots.length === 1 ? Infinity : (this.#knots.at(-1)?.context ?? 0);
  }

  /** Milliseconds of `tokens` tokens behind `context` others, none of them parallel: the integral of the curve. */
  milliseconds(context: number, tokens: number): number {
    return this.#sumUpTo(context + tokens) - this.#sumUpTo(context);
  }

  #sumUpTo(context: number): number {
    let before: Knot | undefined;
    for (const knot of this.#knots) {
      if (context <= knot.context) {
        if (before === undefined) return context * knot.tokenMs;
        const share = (context - before.context) / (knot.context - before.context);
        const tokenMs = before.tokenMs + share * (knot.tokenMs - before.tokenMs);
        return before.sumMs + ((context - before.context) * (before.tokenMs + tokenMs)) / 2;
      }
      before = knot;
    }
    if (before === undefined) return 0;
    return before.sumMs + (context - before.context) * before.tokenMs;
  }
}
