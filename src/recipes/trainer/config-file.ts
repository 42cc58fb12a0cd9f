/** Reads the configuration of a training run: a JSON file, overridden by flags. */
import { dirname, isAbsolute, join } from "node:path";

import { z } from "zod";

import { checkDocument, readDocument } from "../../core/document.ts";

/** Turns a path as the file has it into one that is valid where the program was started. `configPath` is the path of the file. */
export type Relocate = (value: string, configPath: string) => string;

const relocatePath: Relocate = (value, configPath) =>
  /^(micro(:|$)|hf:)/u.test(value) || isAbsolute(value) ? value : join(dirname(configPath), value);

/** Fields with a path, by their names with dots. Paths in the file are relative to its folder, those in flags to where the program was started. */
const PATH_FIELDS: Readonly<Record<string, Relocate>> = {
  data: relocatePath,
  tokenizer: relocatePath,
  model: relocatePath,
  "lora.start": relocatePath,
};

/**
 * Reads a configuration. `overrides` replace what the file says; undefined ones count as absent.
 * @throws ConfigError naming the field that is wrong; DataError when the file cannot be read.
 */
export async function loadTrainingConfig<Schema extends z.ZodType>(
  schema: Schema,
  path: string | undefined,
  overrides: Readonly<Record<string, unknown>>,
  pathFields: Readonly<Record<string, Relocate>> = PATH_FIELDS,
): Promise<z.output<Schema>> {
  const name = `training configuration${path === undefined ? "" : ` ${path}`}`;
  const file =
    path === undefined
      ? {}
      : relocated(await readDocument(path, objectSchema, { name, source: "config" }), path, pathFields);
  return checkDocument(merge(file, overrides), schema, {
    name,
    source: "config",
    // The overrides have a key for every flag, given or not.
    advice: ({ isMissing, path: field }) =>
      isMissing && Object.hasOwn(overrides, field)
        ? `Give --${field} ${FLAG_VALUES[field] ?? "VALUE"}, or set it in --config FILE.`
        : undefined,
  });
}

const objectSchema = z.record(z.string(), z.unknown(), { error: "it must be a JSON object" });

/** Names of the values of required flags, as help has them. */
const FLAG_VALUES: Readonly<Record<string, string>> = { model: "FOLDER", data: "FILE", big: "SPEC" };

type Json = Readonly<Record<string, unknown>>;

function merge(file: Json, overrides: Json): Json {
  const merged: Record<string, unknown> = { ...file };
  for (const [key, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const below = merged[key];
    merged[key] = isObject(value) && isObject(below) ? merge(below, value) : value;
  }
  return merged;
}

function relocated(
  config: Json,
  path: string,
  fields: Readonly<Record<string, Relocate>>,
  prefix = "",
): Json {
  const moved = Object.entries(config).map(([key, value]): [string, unknown] => {
    const name = `${prefix}${key}`;
    if (isObject(value)) return [key, relocated(value, path, fields, `${name}.`)];
    const relocate = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return [key, relocate === undefined || typeof value !== "string" ? value : relocate(value, path)];
  });
  return Object.fromEntries(moved);
}

const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === "object" && !Array.isArray(value);
