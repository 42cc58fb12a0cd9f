/**
 * Estimates the arithmetic of an arm's samples. Each token that is read or drawn takes 2 floating-point operations for each weight that it is
 * multiplied with (Kaplan et al. 2020, 2.1, forward pass). Attention is left out. It would add 4 x layers x width x context for a token: little below
 * a few thousand tokens of context, much at very small widths.
 */
import type { EngineWorkCounts, RowFigures } from "../row.ts";
import type { ArmCompute, ModelSize } from "../summary-schema.ts";

export interface ArmSizes {
  readonly small?: ModelSize;
  readonly big?: ModelSize;
}

/** Undefined if no sample reports its work, or the size of a model that worked is unknown. */
export function computeOf(
  rows: readonly RowFigures[],
  sizes: ArmSizes,
  joulesPerFlop?: number,
): ArmCompute | undefined {
  const works = rows.flatMap(({ work }) => work ?? []);
  if (works.length === 0) return undefined;
  const flopsBy = (author: "small" | "big"): number | undefined => {
    const tokens = works.reduce((sum, work) => sum + forwardTokens(work[author]), 0);
    if (tokens === 0) return 0;
    const size = sizes[author];
    return size === undefined ? undefined : 2 * size.perToken * tokens;
  };
  const smallFlops = flopsBy("small");
  const bigFlops = flopsBy("big");
  if (smallFlops === undefined || bigFlops === undefined) return undefined;
  const flops = smallFlops + bigFlops;
  return {
    smallFlops,
    bigFlops,
    flopsPerSample: flops / works.length,
    ...(joulesPerFlop === undefined
      ? {}
      : { joules: flops * joulesPerFlop, joulesPerSample: (flops * joulesPerFlop) / works.length }),
  };
}

/** Tokens that passed through the model. The first draw of a generation shares its pass with the last token read; both are counted. */
const forwardTokens = ({ prefilled, scored, decoded }: EngineWorkCounts): number =>
  prefilled + scored + decoded;
