/** How large models are, for estimates of their arithmetic. */
import { ConfigError } from "../../core/errors.ts";
import { localModelFile } from "../../engines/open/open-engine.ts";
import { checkGguf } from "../../formats/gguf/index.ts";
import type { ModelSize } from "../summary-schema.ts";

/**
 * From the header of a model file on this machine; undefined for a model that is elsewhere.
 * @throws DataError for a file that is missing or unsound.
 */
export function sizeFromFile(spec: string): ModelSize | undefined {
  const path = localModelFile(spec);
  if (path === undefined) return undefined;
  const { parameters, parametersPerToken } = checkGguf(path);
  return { parameters, perToken: parametersPerToken, source: "file" };
}

export type GivenSizes = Partial<Record<"small" | "big", ModelSize>>;

/** Largest that anyone could mean. */
const MOST_PARAMETERS = 1e15;

/**
 * `small=1.5e9,big=32e9`: weights that a token is multiplied with (of a mixture of experts those of the experts that it visits).
 * @throws ConfigError on anything else.
 */
export function parseParameters(text: string): GivenSizes {
  const sizes: GivenSizes = {};
  for (const part of text.split(",")) {
    const [name = "", value = ""] = part.split("=").map((side) => side.trim());
    const parameters = value === "" ? Number.NaN : Number(value);
    if ((name !== "small" && name !== "big") || !(parameters >= 1 && parameters <= MOST_PARAMETERS)) {
      throw new ConfigError(
        `--parameters ${JSON.stringify(text)}: ${JSON.stringify(part)} is no size; it is small=1.5e9,big=32e9 or one of both.`,
        { code: "usage" },
      );
    }
    sizes[name] = { parameters, perToken: parameters, source: "given" };
  }
  return sizes;
}
