/**
 * Plans the passes of a batch. With one cache for each sequence, llama.cpp computes sequences in one pass only where their ids rise by one and
 * all read the same number of tokens (`llama_batch_allocr::split_equal`). Calls of 11, 13 and 9 tokens would take a pass for each difference,
 * and every sequence that is done splits the others into passes of their own. So a pass is planned as a number of tokens for every sequence.
 * Sequences that have fewer read filler, where that costs less than a pass more.
 */

/** Cost of a pass beside its tokens, in tokens. Measured on two models with 1 to 192 tokens: 4 to 8 (`npm run bench:batch`). */
const PASS_COST = 6;
/** Most different lengths that are planned exactly. Beyond, neighbours in length are taken as one. */
const MOST_LEVELS = 32;

export interface Pass {
  /** Tokens of each sequence. */
  readonly tokens: number;
  /** The sequences that read, in ascending order: calls, and others that only fill. */
  readonly sequences: readonly number[];
}

/**
 * The first pass of the cheapest plan.
 * @param left Tokens that each call still has to read, at least 1, by sequence.
 * @param size Most tokens of a pass.
 */
export function firstPass(left: ReadonlyMap<number, number>, size: number): Pass {
  const calls = [...left.entries()].toSorted(([a], [b]) => a - b);
  const lengths = thinned([...new Set(left.values())].toSorted((a, b) => a - b));
  // costs[i]: of reading all that lies above level i. Level 0 is nothing read.
  const levels = [0, ...lengths];
  const costs = levels.map(() => 0);
  const next = levels.map(() => 0);
  for (let from = levels.length - 2; from >= 0; from--) {
    const low = levels[from] ?? 0;
    const waiting = calls.filter(([, tokens]) => tokens > low).map(([id]) => id);
    let best = Infinity;
    for (let to = from + 1; to < levels.length; to++) {
      const cost = passCost(waiting, (levels[to] ?? 0) - low, size) + (costs[to] ?? 0);
      if (cost >= best) continue;
      best = cost;
      next[from] = to;
    }
    costs[from] = best;
  }
  const tokens = levels[next[0] ?? 0] ?? 1;
  const sequences = withFilledGaps(
    calls.map(([id]) => id),
    tokens,
  );
  return { tokens: Math.max(1, Math.min(tokens, Math.floor(size / sequences.length))), sequences };
}

/** Cost of reading some tokens in each call. @param waiting Ids of their sequences, ascending. */
function passCost(waiting: readonly number[], tokens: number, size: number): number {
  let runs = waiting.length > 0 ? 1 : 0;
  let sequences = waiting.length;
  for (let at = 1; at < waiting.length; at++) {
    const gap = (waiting[at] ?? 0) - (waiting[at - 1] ?? 0) - 1;
    if (isFilled(gap, tokens)) sequences += gap;
    else runs++;
  }
  const reads = sequences * tokens;
  return reads + runs * PASS_COST * Math.max(1, Math.ceil(reads / size));
}

/** Whether idle sequences in a gap read along: it costs at most a pass. */
const isFilled = (gap: number, tokens: number): boolean => gap * tokens <= PASS_COST;

/** Sequences, and the idle ones between them that read along. @param ids Ascending. */
export function withFilledGaps(ids: readonly number[], tokens: number): number[] {
  return ids.flatMap((id, at) => {
    const gap = (ids[at + 1] ?? id + 1) - id - 1;
    return gap > 0 && gap * tokens <= PASS_COST
      ? Array.from({ length: gap + 1 }, (_, step) => id + step)
      : [id];
  });
}

/** At most {@link MOST_LEVELS} of the lengths, the longest among them. */
function thinned(lengths: readonly number[]): readonly number[] {
  if (lengths.length <= MOST_LEVELS) return lengths;
  const step = lengths.length / MOST_LEVELS;
  return Array.from({ length: MOST_LEVELS }, (_, at) => lengths[Math.ceil((at + 1) * step) - 1] ?? 1);
}
