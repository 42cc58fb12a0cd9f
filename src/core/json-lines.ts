/** JSON Lines: one document a line, each checked against a schema. Errors name the file, the line and the field. */
import type { z } from "zod";

import { DataError, errorMessage } from "./errors.ts";
import { readTextFile } from "./files.ts";

/** Blank lines are skipped. @throws DataError when the file cannot be read or a line is not what the schema says. */
export async function readJsonLines<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  maxBytes = 1024 ** 3,
): Promise<z.output<Schema>[]> {
  return parseJsonLines(await readTextFile(path, maxBytes), schema, path);
}

/** `where` is what errors call the text, e.g. its path. */
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

/** One line. `at` is what an error calls it, e.g. `FILE:LINE`. @throws DataError when it is not what the schema says. */
export function parseJsonLine<Schema extends z.ZodType>(
  line: string,
  schema: Schema,
  at: string,
): z.output<Schema> {
  const parsed = schema.safeParse(parseJson(line, at));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue === undefined || issue.path.length === 0 ? "" : `field ${issue.path.join(".")}: `;
  throw new DataError(`${at} cannot be used: ${field}${issue?.message ?? "invalid"}.`, {
    code: "file-invalid",
    cause: parsed.error,
  });
}

function parseJson(text: string, at: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`${at} is not valid JSON: ${errorMessage(error)}.`, {
      code: "file-invalid",
      cause: error,
    });
  }
}

/** The text of a file of rows: a line each, the last one ended too. */
export const toJsonLines = (rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");
