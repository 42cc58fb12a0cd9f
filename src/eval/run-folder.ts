/**
 * What a finished run left in its folder.
 *
 *     DIR/rows.jsonl       a row a sample, ordered by problem, sample, arm
 *     DIR/measured.jsonl   only with `--reproducible`: times and work, line by line those of rows.jsonl, which then has none
 *     DIR/summary.json     what `eval --json` printed
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { DataError } from "../core/errors.ts";
import { fileLines } from "../core/file-lines.ts";
import { parseJsonLine } from "../core/json-lines.ts";
import { joinRow, measuredSchema, outcomeSchema, type Row, rowKey, rowSchema } from "./row.ts";

export const ROWS_FILE = "rows.jsonl";
export const MEASURED_FILE = "measured.jsonl";
export const SUMMARY_FILE = "summary.json";

/**
 * The rows in their order, one at a time, times and work joined where they are kept apart.
 * @throws DataError when a file is missing, cannot be read, or holds something else.
 */
export async function* readRunRows(folder: string): AsyncGenerator<Row> {
  const rowsPath = join(folder, ROWS_FILE);
  if (!(await keepsApart(folder))) {
    for await (const { text, number } of fileLines(rowsPath)) {
      if (text.trim() !== "") yield parseJsonLine(text, rowSchema, `${rowsPath}:${number}`);
    }
    return;
  }
  const measuredPath = join(folder, MEASURED_FILE);
  const measuredLines = fileLines(measuredPath);
  try {
    for await (const { text, number } of fileLines(rowsPath)) {
      const at = `${measuredPath}:${number}`;
      const outcome = parseJsonLine(text, outcomeSchema, `${rowsPath}:${number}`);
      const line = await measuredLines.next();
      if (line.done === true) throw mismatch(at, "the line is missing");
      const measured = parseJsonLine(line.value.text, measuredSchema, at);
      if (rowKey(measured) !== rowKey(outcome)) throw mismatch(at, "it is about another sample");
      yield joinRow(outcome, measured);
    }
  } finally {
    await measuredLines.return(undefined);
  }
}

/** Whether rows.jsonl is without what was measured. A run that has not ended keeps everything together. */
export async function keepsApart(folder: string): Promise<boolean> {
  if (!existsSync(join(folder, MEASURED_FILE))) return false;
  const path = join(folder, ROWS_FILE);
  for await (const { text } of fileLines(path)) {
    return !("wallMs" in parseJsonLine(text, z.looseObject({}), `${path}:1`));
  }
  return true;
}

const mismatch = (at: string, what: string): DataError =>
  new DataError(
    `${at} does not belong to rows.jsonl beside it: ${what}. Both come from one run; restore both.`,
    {
      code: "file-invalid",
    },
  );
