/**
 * JSON documents: text in, checked value out. Every error says which document, which field, what is wrong there, and what to do.
 * A document without a file (an answer over HTTP, a value from the caller) is checked by {@link checkDocument}.
 */
import type { z } from "zod";

import { faultText, type SchemaFault, schemaFaults } from "./schema-faults.ts";
import {
  ConfigError,
  DataError,
  errorMessage,
  type SplitReasonError,
  TrainError,
  WireError,
} from "./errors.ts";
import { readTextFile } from "./files.ts";

/** How errors describe a document. */
export interface DocumentDescription {
  /** The name in error messages, usually with the path: `pair file pair.json`. */
  readonly name: string;
  /** The boundary at which it comes in, which decides the class of the error. */
  readonly source: keyof typeof ERRORS;
  /** Whole sentences that say what to do, put at the end of the message. */
  readonly advice?: string | ((fault: SchemaFault) => string | undefined);
  /** How many wrong fields a message lists. Default 1. */
  readonly maxFaults?: number;
}

export interface ReadDocumentOptions extends Omit<DocumentDescription, "name"> {
  /** Default: the path. */
  readonly name?: string;
  /** Default 1 MiB: most documents are written by hand. */
  readonly maxBytes?: number;
}

type MakeError = (message: string, cause: unknown) => SplitReasonError;

const ERRORS = {
  /** A configuration that a person writes. */
  config: (message, cause) => new ConfigError(message, { code: "config-invalid", cause }),
  /** A file that a program wrote, or a row of data. */
  file: (message, cause) => new DataError(message, { code: "file-invalid", cause }),
  /** A file that a training run keeps for itself. */
  training: (message, cause) => new TrainError(message, { code: "train-invalid", cause }),
  /** The answer of a server. */
  wire: (message, cause) => new WireError(message, { code: "wire-invalid", cause }),
} as const satisfies Record<string, MakeError>;

/**
 * Reads a JSON file and checks it against a schema.
 * @throws DataError when the file cannot be read, is missing or too large; else the error of `source`.
 */
export async function readDocument<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  { maxBytes = 1024 ** 2, name = path, ...description }: ReadDocumentOptions,
): Promise<z.output<Schema>> {
  return parseDocument(await readTextFile(path, maxBytes), schema, { name, ...description });
}

/** Parses JSON and checks it against a schema. @throws the error of `source`. */
export function parseDocument<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  description: DocumentDescription,
): z.output<Schema> {
  return checkDocument(parseJson(text, description), schema, description);
}

/** Parses JSON. @throws the error of `source`. */
function parseJson(text: string, { name, source, advice }: DocumentDescription): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const sentence = `${name} is not valid JSON: ${errorMessage(error)}.`;
    throw ERRORS[source](typeof advice === "string" ? `${sentence} ${advice}` : sentence, error);
  }
}

/** Checks a value against a schema, and fills in the schema's defaults. @throws the error of `source`. */
export function checkDocument<Schema extends z.ZodType>(
  value: unknown,
  schema: Schema,
  { name, source, advice, maxFaults = 1 }: DocumentDescription,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = schemaFaults(parsed.error, schema, value);
  const [first = { path: "", text: "invalid", isMissing: false }] = faults;
  const more = faults.length - maxFaults;
  const listed = [
    `${name}${first.path === "" ? ": " : ", "}${faultText(first)}`,
    ...faults.slice(1, maxFaults).map((fault) => faultText(fault)),
    ...(maxFaults > 1 && more > 0 ? [`and ${more} more`] : []),
  ];
  const sentence = typeof advice === "function" ? advice(first) : advice;
  throw ERRORS[source](`${listed.join("; ")}.${sentence === undefined ? "" : ` ${sentence}`}`, parsed.error);
}
