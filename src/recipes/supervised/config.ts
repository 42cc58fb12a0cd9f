/** What a supervised run is, as data: one JSON file, over which flags have the last word. */
import { dirname, isAbsolute, join } from "node:path";

import { z } from "zod";

import { checkDocument, readDocument } from "../../core/document.ts";
import { loopConfigSchema } from "../../train/supervised/loop.ts";
import { qwen3ConfigSchema } from "../../train/model/config.ts";

const positive = z.int().positive();

const common = {
  /** JSON Lines (see `data/training-rows.ts`), or `micro` or `micro:ROWS`: traces of the micro domain. */
  data: z.string().min(1),
  /** A built-in chat template's name or Jinja source. Default: the tokenizer's own, or else chatml. */
  template: z.string().min(1).optional(),
  /** Whether the prompt ends with `<think>\n`, as it will at inference. */
  openThinking: z.boolean().default(true),
  /** Rows in a step (Paper 3.3: 64). */
  rows: positive.default(8),
  /** Passes over the data, when `training.steps` is not given (Paper 3.3: 3). */
  epochs: z.number().positive().default(3),
  /** Tokens in a row of the packed batch. Default: the longest example. Longer examples are left out, and counted. */
  rowLength: positive.optional(),
  /** Rows kept apart, on which the loss is reported while training. */
  heldOut: z.int().nonnegative().default(32),
  /** Loss weight of the tokens within spans; the tags around them weigh 1. */
  spanWeight: z.number().min(0).default(1),
  threads: positive.optional(),
  training: loopConfigSchema.partial().default({}),
};

export const pretrainConfigSchema = z.strictObject({
  ...common,
  /** Shape of the model; the vocabulary's size follows from the tokenizer. */
  model: z.strictObject(qwen3ConfigSchema.shape).omit({ vocabularySize: true }),
  /** A folder with tokenizer.json. Default: a vocabulary is learnt from the data. */
  tokenizer: z.string().min(1).optional(),
  /** Most tokens of a vocabulary that is learnt. */
  vocabularySize: positive.default(4096),
});

export const sftConfigSchema = z.strictObject({
  ...common,
  /** A Hugging Face folder with a dense Qwen3 model that the run starts from. */
  model: z.string().min(1),
  /** `embedded`, or `tinker:URL?...` (docs/scale.md). */
  trainer: z.string().min(1).default("embedded"),
});

export type PretrainConfig = z.output<typeof pretrainConfigSchema>;
export type SftConfig = z.output<typeof sftConfigSchema>;

/** How a path in the file is seen from where the program was started; `configPath` is the file's. */
export type Relocate = (value: string, configPath: string) => string;

const relocatePath: Relocate = (value, configPath) =>
  /^micro(:|$)/u.test(value) || isAbsolute(value) ? value : join(dirname(configPath), value);

/** Paths in the file start at its folder, those in flags where the program was started. */
const PATH_FIELDS: Readonly<Record<string, Relocate>> = {
  data: relocatePath,
  tokenizer: relocatePath,
  model: relocatePath,
};

/**
 * Reads a configuration, `overrides` (undefined ones count as absent) going over what the file says.
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

/** What help calls the values of the flags that give required fields. */
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

function relocated(config: Json, path: string, fields: Readonly<Record<string, Relocate>>): Json {
  const moved = Object.entries(config).map(([key, value]) => {
    const relocate = Object.hasOwn(fields, key) ? fields[key] : undefined;
    return [
      key,
      relocate === undefined || typeof value !== "string" ? value : relocate(value, path),
    ] as const;
  });
  return Object.fromEntries(moved);
}

const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === "object" && !Array.isArray(value);
