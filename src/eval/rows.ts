/**
 * Reads the rows that an evaluation left in its folder: one reader for reports, for runs that are continued, and for tests.
 *
 *     DIR/rows.jsonl       one row for each sample, ordered by problem, sample, arm.
 *     DIR/measured.jsonl   only with `--reproducible`: the times and work that rows.jsonl then lacks, line by line.
 *     DIR/summary.json     the document that `eval --json` printed.
 *
 * Memory holds one line of each file. Where times and work are kept apart, they are joined to their row.
 */
import { createHash, type Hash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { byteLines } from "../core/byte-lines.ts";
import { DataError } from "../core/errors.ts";
import { checkDocument } from "../core/document.ts";
import { fileChunks, fileLines } from "../core/file-lines.ts";
import { parseJsonLine } from "../core/json-lines.ts";
import { firstFault } from "../core/schema-faults.ts";
import {
  type EvaluationRow,
  evaluationRowSchema,
  type RecordedMeasures,
  recordedMeasuresSchema,
  type RecordedRow,
  recordedRowSchema,
  rowKey,
} from "./row.ts";

export const ROWS_FILE = "rows.jsonl";
export const MEASURED_FILE = "measured.jsonl";
export const SUMMARY_FILE = "summary.json";

/** Longest line that is read. A trace of a million tokens has about 4 MB. */
const MAX_LINE_BYTES = 64 * 1024 ** 2;

/** A row, or the reason why its line has none. `unmatched` says why times and work that are kept apart could not be joined to it. */
export type ReadRow = { readonly row: RecordedRow; readonly unmatched?: string } | { readonly fault: string };

export interface RowsFile {
  readonly rows: AsyncIterable<ReadRow>;
  /** SHA-256 of rows.jsonl, once `rows` has ended. */
  sha256(): string;
}

export interface ReadRowsOptions {
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
  readonly maxLineBytes?: number;
}

/** Opens the rows of a folder. A line that cannot be used is a fault. @throws DataError, while reading, when a file cannot be read. */
export function openRows(folder: string, options: ReadRowsOptions = {}): RowsFile {
  const hash = createHash("sha256");
  const measuredPath = join(folder, MEASURED_FILE);
  const { maxLineBytes = MAX_LINE_BYTES } = options;
  const measured = existsSync(measuredPath)
    ? parsedLines(fileChunks(measuredPath), recordedMeasuresSchema, maxLineBytes)
    : undefined;
  return {
    rows: rowsIn(watched(fileChunks(join(folder, ROWS_FILE)), options, hash), measured, maxLineBytes),
    sha256: () => hash.digest("hex"),
  };
}

/**
 * Reads the rows of a finished run, in their order.
 * @throws DataError when a file is missing, or a line is not what `eval` writes.
 */
export async function* readWholeRows(folder: string): AsyncGenerator<EvaluationRow> {
  const path = join(folder, ROWS_FILE);
  for await (const read of openRows(folder).rows) {
    if ("fault" in read) throw new DataError(`${path}, ${read.fault}.`, { code: "file-invalid" });
    if (read.unmatched !== undefined) {
      throw new DataError(`${folder}/${read.unmatched}. Both files come from one run; restore both.`, {
        code: "file-invalid",
      });
    }
    const name = `${path}, row ${rowKey(read.row)}`;
    yield checkDocument(read.row, evaluationRowSchema, { name, source: "file" });
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

/** Rows of any stream of bytes. */
export async function* rowsIn(
  chunks: AsyncIterable<Uint8Array>,
  measured?: AsyncGenerator<ParsedLine<RecordedMeasures>>,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<ReadRow> {
  try {
    for await (const line of parsedLines(chunks, recordedRowSchema, maxLineBytes)) {
      // Both files have a line for each sample: one is taken of each, whatever it holds.
      const beside = measured === undefined ? undefined : await measured.next();
      if ("fault" in line) yield { fault: line.fault };
      else if (beside === undefined || line.value.wallMs !== undefined) yield { row: line.value };
      else yield joined(line, beside.done === true ? undefined : beside.value);
    }
  } finally {
    await measured?.return(undefined);
  }
}

function joined(
  { value: row, number }: { readonly value: RecordedRow; readonly number: number },
  beside: ParsedLine<RecordedMeasures> | undefined,
): ReadRow {
  const unmatched = (what: string): ReadRow => ({
    row,
    unmatched: `${MEASURED_FILE}:${number} does not belong to ${ROWS_FILE} beside it: ${what}`,
  });
  if (beside === undefined) return unmatched("the line is missing");
  if ("fault" in beside) return unmatched(beside.fault);
  if (rowKey(beside.value) !== rowKey(row)) return unmatched("it is about another sample");
  const { discardedTokens, ...measures } = beside.value;
  const usage = discardedTokens === undefined ? row.usage : { ...row.usage, discardedTokens };
  return { row: { ...row, ...measures, usage } };
}

type ParsedLine<Value> = { readonly value: Value; readonly number: number } | { readonly fault: string };

async function* parsedLines<Schema extends z.ZodType>(
  chunks: AsyncIterable<Uint8Array>,
  schema: Schema,
  maxLineBytes: number,
): AsyncGenerator<ParsedLine<z.output<Schema>>> {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let number = 0;
  for await (const line of byteLines(chunks, maxLineBytes)) {
    number += 1;
    if ("tooLongBytes" in line) {
      yield { fault: `line ${number}: longer than ${maxLineBytes} bytes` };
      continue;
    }
    let document: unknown;
    try {
      const text = utf8.decode(line.bytes);
      if (text.trim() === "") continue;
      document = JSON.parse(text);
    } catch (error) {
      const what = error instanceof SyntaxError ? "not valid JSON" : "not valid UTF-8";
      yield { fault: `line ${number}: ${what}` };
      continue;
    }
    const parsed = schema.safeParse(document);
    if (parsed.success) yield { value: parsed.data, number };
    else yield { fault: `line ${number}: ${firstFault(parsed.error, schema, document)}` };
  }
}

async function* watched(
  chunks: AsyncIterable<Uint8Array>,
  { signal, onBytes }: ReadRowsOptions,
  hash: Hash,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of chunks) {
    signal?.throwIfAborted();
    hash.update(bytes);
    onBytes?.(bytes.length);
    yield bytes;
  }
}
