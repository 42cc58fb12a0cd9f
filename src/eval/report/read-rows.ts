/** The rows of a run's folder as a stream: memory holds one line, and a line that cannot be used is told, not thrown. */
import { createHash, type Hash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";

import type { z } from "zod";

import { byteLines } from "../../core/byte-lines.ts";
import { DataError, errorMessage } from "../../core/errors.ts";
import { firstFault } from "../../core/schema-faults.ts";
import { type MeasuredLine, measuredLineSchema, type ReportRow, reportRowSchema } from "./report-row.ts";

/** Longest line that is read. A trace of a million tokens has about 4 MB. */
const MAX_LINE_BYTES = 64 * 1024 ** 2;
const CHUNK_BYTES = 1024 ** 2;

/** A row, or why the line has none. `raw` is the line as it was parsed. */
export type ReadRow = { readonly row: ReportRow; readonly raw: unknown } | { readonly fault: string };

export interface RowsFile {
  readonly rows: AsyncIterable<ReadRow>;
  /** SHA-256 of the file, once `rows` has ended. */
  sha256(): string;
}

export interface ReadRowsOptions {
  readonly signal?: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
  readonly maxLineBytes?: number;
}

/** @throws DataError, while reading, when a file cannot be read. */
export function openRows(folder: string, options: ReadRowsOptions = {}): RowsFile {
  const hash = createHash("sha256");
  const path = join(folder, "rows.jsonl");
  const measuredPath = join(folder, "measured.jsonl");
  const { maxLineBytes = MAX_LINE_BYTES } = options;
  const measured = existsSync(measuredPath)
    ? parsedLines(chunksOf(measuredPath, {}), measuredLineSchema, maxLineBytes)
    : undefined;
  return {
    rows: rowsOf(chunksOf(path, options, hash), measured, maxLineBytes),
    sha256: () => hash.digest("hex"),
  };
}

/** Rows of any stream of bytes. */
export async function* rowsOf(
  chunks: AsyncIterable<Uint8Array>,
  measured: AsyncGenerator<ParsedLine<MeasuredLine>> | undefined,
  maxLineBytes = MAX_LINE_BYTES,
): AsyncGenerator<ReadRow> {
  try {
    for await (const line of parsedLines(chunks, reportRowSchema, maxLineBytes)) {
      // Both files have a line for each sample: one is taken of each, whatever it holds.
      const beside = measured === undefined ? undefined : await measured.next();
      if ("fault" in line) yield { fault: line.fault };
      else yield { row: withMeasured(line.value, beside), raw: line.raw };
    }
  } finally {
    await measured?.return(undefined);
  }
}

function withMeasured(
  row: ReportRow,
  beside: IteratorResult<ParsedLine<MeasuredLine>> | undefined,
): ReportRow {
  if (row.wallMs !== undefined || beside === undefined || beside.done === true || "fault" in beside.value)
    return row;
  const { problemId, arm, sample, discardedTokens, ...times } = beside.value.value;
  if (problemId !== row.problemId || arm !== row.arm || sample !== row.sample) return row;
  return {
    ...row,
    ...times,
    usage: { ...row.usage, ...(discardedTokens === undefined ? {} : { discardedTokens }) },
  };
}

type ParsedLine<Value> = { readonly value: Value; readonly raw: unknown } | { readonly fault: string };

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
    let raw: unknown;
    try {
      const text = utf8.decode(line.bytes);
      if (text.trim() === "") continue;
      raw = JSON.parse(text);
    } catch (error) {
      const what = error instanceof SyntaxError ? "not valid JSON" : "not valid UTF-8";
      yield { fault: `line ${number}: ${what}` };
      continue;
    }
    const parsed = schema.safeParse(raw);
    if (parsed.success) {
      yield { value: parsed.data, raw };
    } else {
      yield { fault: `line ${number}: ${firstFault(parsed.error, schema, raw)}` };
    }
  }
}

async function* chunksOf(
  path: string,
  { signal, onBytes }: ReadRowsOptions,
  hash?: Hash,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      signal?.throwIfAborted();
      const bytes = chunk as Buffer;
      hash?.update(bytes);
      onBytes?.(bytes.length);
      yield bytes;
    }
  } catch (error) {
    if (signal?.aborted === true) throw error;
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new DataError(`cannot read ${path}: ${missing ? "no such file" : errorMessage(error)}`, {
      code: missing ? "file-missing" : "file-unreadable",
      cause: error,
    });
  }
}
