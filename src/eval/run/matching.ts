/**
 * Matches a random arm to another arm: both are to have the same share of big tokens. Problems are taken in blocks. Before each block, the
 * random arm gets a share to ask for. With it, its share over all blocks, this one included, should be that of its target. This corrects two errors:
 * that of earlier blocks, and that a policy hardly ever yields exactly the share it is asked for (spans have whole lengths, texts end). One
 * block's chance remains; both measured shares are reported.
 */
import type { RowFigures } from "../row.ts";

/** Tokens of an arm over the blocks done so far. */
export interface TokenTotals {
  readonly samples: number;
  readonly big: number;
  /** Small and big. */
  readonly all: number;
  /** Big tokens, had each sample met the share it was asked for. */
  readonly requested: number;
}

/** Weight, in tokens, of the assumption that a policy yields the share it is asked for. */
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

/** Computes the share to ask for in the next `samples` samples. `target` covers these samples already, `matched` does not. */
export function shareToRequest(target: TokenTotals, matched: TokenTotals, samples: number): number {
  if (target.all === 0) return 0;
  const reference = matched.all > 0 ? matched : target;
  const upcoming = (reference.all / reference.samples) * samples;
  const wanted = (target.big / target.all) * (matched.all + upcoming) - matched.big;
  const yieldRatio = (matched.big + PRIOR_TOKENS) / (matched.requested + PRIOR_TOKENS);
  return Math.min(1, Math.max(0, wanted / upcoming / yieldRatio));
}
