/**
 * Targets that are not the next input, for servers that take no others. A choice not to close is such a target: the close tag, where the
 * big model's text continues. Each becomes the last target of its own datum, which ends there. The sums are the same. Each costs one more
 * pass over the context before it (docs/scale.md has figures).
 */
import type { Datum } from "../../trainer.ts";

export interface PlacedDatum extends Datum {
  /** Index of the datum that it comes from. */
  readonly of: number;
  /** The only position that counts. Undefined: all positions count. */
  readonly only?: number;
}

export function placeTargets(data: readonly Datum[], targets: "any" | "next"): PlacedDatum[] {
  return data.flatMap((datum, of) => (targets === "any" ? [{ ...datum, of }] : expand(datum, of)));
}

function expand(datum: Datum, of: number): PlacedDatum[] {
  const last = datum.tokens.length - 1;
  const isOdd = datum.targets.map((target, at) => at < last && target !== datum.tokens[at + 1]);
  const main: PlacedDatum = {
    ...datum,
    of,
    targets: datum.targets.map((target, at) =>
      isOdd[at] === true ? (datum.tokens[at + 1] ?? target) : target,
    ),
    weights: datum.weights.map((weight, at) => (isOdd[at] === true ? 0 : weight)),
  };
  const rest = isOdd.flatMap((odd, at): PlacedDatum[] => {
    const weight = datum.weights[at] ?? 0;
    const target = datum.targets[at];
    if (!odd || weight === 0 || target === undefined) return [];
    const tokens = datum.tokens.slice(0, at + 1);
    const targetsUpTo = tokens.map((_, index) => tokens[index + 1] ?? target);
    return [
      {
        tokens,
        targets: targetsUpTo,
        weights: tokens.map((_, index) => (index === at ? weight : 0)),
        of,
        only: at,
      },
    ];
  });
  return [main, ...rest];
}

/**
 * Log-probabilities of the targets of `data`, gathered from those of {@link placeTargets}. NaN for a target of weight 0 that was left out.
 */
export function gatherLogprobs(
  data: readonly Datum[],
  placed: readonly PlacedDatum[],
  logprobs: readonly Float32Array[],
): Float32Array[] {
  const gathered = data.map((datum) => new Float32Array(datum.tokens.length).fill(Number.NaN));
  for (const [index, { of, only, targets }] of placed.entries()) {
    const values = logprobs[index];
    const into = gathered[of];
    if (values === undefined || into === undefined) continue;
    if (only !== undefined) into[only] = values[only] ?? Number.NaN;
    else
      for (const [at, value] of values.entries()) if (targets[at] === data[of]?.targets[at]) into[at] = value;
  }
  return gathered;
}
