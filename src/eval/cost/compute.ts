/**
 * Estimates the arithmetic of an arm's samples from the sizes of the models. Each token that is read or drawn takes 2 floating-point operations for each weight that it is
 * multiplied with (Kaplan et al. 2020, 2.1, forward pass). Attention is left out. It would add 4 x layers x width x context for a token: little below
 * a few thousand tokens of context, much at very small widths.
 */
import { ConfigError } from "../../core/errors.ts";
import { localModelFile } from "../../engines/open/open-engine.ts";
import { checkGguf } from "../../formats/gguf/index.ts";
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

/**
 * Reads the size from the header of a model file on this machine; undefined for a model that is elsewhere.
 * @throws DataError for a file that is missing or unsound.
 */
export function sizeFromFile(spec: string): ModelSize | undefined {
  const path = localModelFile(spec);
  if (path === undefined) return undefined;
  const { parameters, parametersPerToken } = checkGguf(path);
  return { parameters, perToken: parametersPerToken, source: "file" };
}

export type GivenSizes = Partial<Record<"small" | "big", ModelSize>>;

/** Nobody means a larger model. */
const MAX_PARAMETERS = 1e15;

/**
 * Parses `small=1.5e9,big=32e9`: the weights that a token is multiplied with. For a mixture of experts, count the experts that a token visits.
 * @throws ConfigError on any other text.
 */
export function parseParameters(text: string): GivenSizes {
  const sizes: GivenSizes = {};
  for (const part of text.split(",")) {
    const [name = "", value = ""] = part.split("=").map((side) => side.trim());
    const parameters = value === "" ? Number.NaN : Number(value);
    if ((name !== "small" && name !== "big") || !(parameters >= 1 && parameters <= MAX_PARAMETERS)) {
      throw new ConfigError(
        `--parameters ${JSON.stringify(text)}: ${JSON.stringify(part)} is no size of a model; give small=1.5e9,big=32e9, or one of the two.`,
        { code: "usage" },
      );
    }
    sizes[name] = { parameters, perToken: parameters, source: "given" };
  }
  return sizes;
}
