/**
 * Matching a random arm in tokens to another arm. Problems are taken in blocks; before each block of the random arm, the share it
 * is asked for is set so that its big tokens, over all blocks so far and this one, come out at the target's share. Two things
 * are corrected for: what earlier blocks were off by, and that a policy asked for a share s yields s only about (spans have whole
 * lengths, texts end). The remaining difference is the chance of one block; both measured shares are reported.
 */
import type { RowFigures } from "../row.ts";

/** Tokens of an arm over the blocks done so far. */
export interface TokenTotals {
  readonly samples: number;
  readonly big: number;
  /** Small and big. */
  readonly all: number;
  /** Big tokens that would be there had each sample met the share it was asked for. */
  readonly requested: number;
}

/** Tokens' worth of belief that a policy yields the share it is asked for, before any was seen. */
const PRIOR_TOKENS = 64;

export function tokenTotals(rows: readonly RowFigures[]): TokenTotals {
  let big = 0;
  let all = 0;
  let requested = 0;
  for (const { usage, requestedShare } of rows) {
    const tokens = usage.smallTokens + usage.bigTokens;
    big += usage.bigTokens;
    all += tokens;
    requested += (requestedShare ?? 0) * tokens;
  }
  return { samples: rows.length, big, all, requested };
}

/** The share to ask for in the next `samples` samples, between 0 and 1. `target` covers them too, `matched` does not yet. */
export function shareToRequest(target: TokenTotals, matched: TokenTotals, samples: number): number {
  if (target.all === 0) return 0;
  const reference = matched.all > 0 ? matched : target;
  const upcoming = (reference.all / reference.samples) * samples;
  const wanted = (target.big / target.all) * (matched.all + upcoming) - matched.big;
  const yieldRatio = (matched.big + PRIOR_TOKENS) / (matched.requested + PRIOR_TOKENS);
  return Math.min(1, Math.max(0, wanted / upcoming / yieldRatio));
}
