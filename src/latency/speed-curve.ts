/** Speed as a function of the length of context: the cost of one token, and of a run of tokens. */

/** A speed that was measured or taken from elsewhere. */
export interface SpeedPoint {
  /** Tokens in the sequence before the timed ones. */
  readonly contextTokens: number;
  readonly tokensPerSecond: number;
}

interface Knot {
  readonly context: number;
  /** Milliseconds for a token. */
  readonly tokenMs: number;
  /** Milliseconds for all tokens from an empty context up to this one. */
  readonly sumMs: number;
}

/**
 * Milliseconds for a token: linear between the measured contexts, constant outside them. Attention makes a token's cost grow linearly with its
 * context, so the time for a token interpolates well, and the speed does not.
 */
export class SpeedCurve {
  readonly #knots: readonly Knot[];

  /** @param points At least one; their contexts differ, in any order. */
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

  /** Length of the longest context that was measured, in tokens. A single speed is meant for all lengths. */
  get longestContext(): number {
    return this.#knots.length === 1 ? Infinity : (this.#knots.at(-1)?.context ?? 0);
  }

  /** Milliseconds for `tokens` tokens, one after the other, after `context` others: the integral of the curve. */
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
