/** JSON Lines: one document a line, each checked against a schema. Errors name the file, the line and the field. */
import type { z } from "zod";

import { parseDocument } from "./document.ts";
import { readTextFile } from "./files.ts";

/**
 * Reads the rows of a file; blank lines are skipped.
 * @throws DataError when the file cannot be read or a line does not fit the schema.
 */
export async function readJsonLines<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  maxBytes = 1024 ** 3,
): Promise<z.output<Schema>[]> {
  return parseJsonLines(await readTextFile(path, maxBytes), schema, path);
}

/** @param where Name of the text in errors, e.g. its path. */
export function parseJsonLines<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  where: string,
): z.output<Schema>[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      line.trim() === "" ? [] : [parseJsonLine(line, schema, `${where}:${index + 1}`)],
    );
}

/**
 * Reads one line.
 * @param at Name of the line in errors, e.g. `FILE:LINE`.
 * @throws DataError when it does not fit the schema.
 */
export const parseJsonLine = <Schema extends z.ZodType>(
  line: string,
  schema: Schema,
  at: string,
): z.output<Schema> => parseDocument(line, schema, { name: at, source: "file" });

/** The text of a file of rows: one line each, every line ended. */
export const toJsonLines = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");
