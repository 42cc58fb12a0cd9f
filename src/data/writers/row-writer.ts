/**
 * Writes rows to JSON Lines or parquet, as streams with flat memory. A file gets its name when it is whole; until then, and after a
 * failure, the old file stays.
 */
import { ConfigError } from "../../core/errors.ts";
import { formatOf } from "../files/source.ts";
import { openJsonLinesWriter } from "./json-lines-writer.ts";
import type { ParquetColumn } from "./parquet-schema.ts";
import { openParquetWriter } from "./parquet-writer.ts";

export interface RowWriter {
  write(row: Readonly<Record<string, unknown>>): Promise<void>;
  /** Writes the remaining rows, flushes the file to the disk and renames it. */
  close(): Promise<void>;
  /** Removes the unfinished file; after `close` it does nothing. */
  abort(): Promise<void>;
}

/**
 * Opens a writer for a `.jsonl` or `.parquet` file. Parquet has the given columns; a row's field without a column is an error,
 * so that nothing is lost.
 * @throws ConfigError on any other name.
 */
export async function openRowWriter(path: string, columns: readonly ParquetColumn[]): Promise<RowWriter> {
  const format = formatOf(path);
  switch (format) {
    case "jsonl":
      return openJsonLinesWriter(path);
    case "parquet":
      return openParquetWriter(path, columns);
    case undefined:
      throw new ConfigError(`${path}: rows are written to a file named .jsonl or .parquet.`, {
        code: "usage",
      });
    default:
      return format satisfies never;
  }
}

/** Writes all of `rows`, or leaves no file. Returns the number of rows. */
export async function writeRows(
  writer: RowWriter,
  rows: AsyncIterable<Readonly<Record<string, unknown>>>,
): Promise<number> {
  let count = 0;
  try {
    for await (const row of rows) {
      await writer.write(row);
      count += 1;
    }
    await writer.close();
  } finally {
    await writer.abort();
  }
  return count;
}
