/** Sizes of models, for estimates of their arithmetic. */
import { ConfigError } from "../../core/errors.ts";
import { localModelFile } from "../../engines/open/open-engine.ts";
import { checkGguf } from "../../formats/gguf/index.ts";
import type { ModelSize } from "../summary-schema.ts";

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
