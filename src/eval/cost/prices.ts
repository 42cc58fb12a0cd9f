/** Prices and energy, as the user states them. Nothing here is a default, since no figure would be true for everybody. */
import { checkDocument } from "../../core/document.ts";
import { ConfigError, errorMessage } from "../../core/errors.ts";
import { readTextFile } from "../../core/files.ts";
import { type ModelPrice, type Rates, ratesSchema } from "../summary-schema.ts";

/** The specs of the models of an evaluation; `big` is absent where no arm uses it. */
export interface PricedModels {
  readonly small: string;
  readonly big?: string;
  readonly smallBase?: string;
}

export interface ArmPrices {
  readonly small: ModelPrice;
  readonly big?: ModelPrice;
}

/**
 * Reads a price table in YAML or JSON.
 * @throws DataError when the file cannot be read, ConfigError naming the field that is wrong.
 */
export async function loadRates(path: string): Promise<Rates> {
  const text = await readTextFile(path, 1024 * 1024);
  let document: unknown;
  try {
    const { parse } = await import("yaml");
    document = parse(text);
  } catch (error) {
    throw new ConfigError(`price table ${path} is neither YAML nor JSON: ${errorMessage(error)}`, {
      code: "config-invalid",
      cause: error,
    });
  }
  return checkDocument(document, ratesSchema, {
    name: `price table ${path}`,
    source: "config",
    advice:
      'It has "models" with prompt, cachedPrompt and completion for small and big, in dollars for a million tokens, and may have "joulesPerFlop".',
  });
}

/**
 * Finds the prices of an arm's models; undefined without prices.
 * @throws ConfigError when a model has no price, or the table has a price for a model that no arm uses.
 */
export function pricesFor(
  { models }: Rates,
  specs: PricedModels,
  checkpoint: "base" | "tuned",
): ArmPrices | undefined {
  if (models === undefined) return undefined;
  const known = new Set(["small", "big", ...Object.values(specs)]);
  const unknown = Object.keys(models).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new ConfigError(
      `the price table has ${JSON.stringify(unknown)}, which is no model of this evaluation; models: ${[...known].join(", ")}.`,
      { code: "config-invalid" },
    );
  }
  const priceOf = (author: "small" | "big", spec: string): ModelPrice => {
    const price = models[spec] ?? models[author];
    if (price !== undefined) return price;
    throw new ConfigError(
      `the price table has no price for ${author} (${spec}): add "${author}" or the spec under "models".`,
      { code: "config-invalid" },
    );
  };
  const small = checkpoint === "base" && specs.smallBase !== undefined ? specs.smallBase : specs.small;
  return {
    small: priceOf("small", small),
    ...(specs.big === undefined ? {} : { big: priceOf("big", specs.big) }),
  };
}
