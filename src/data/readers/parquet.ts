/**
 * Reads parquet as a stream: one row group at a time, a large one in windows of rows. Memory stays flat on files larger than
 * it. Only the wanted columns are read.
 */
import {
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";

import { DataError, errorMessage } from "../../core/errors.ts";
import type { DataFile } from "../files/data-file.ts";
import { plainValue, type RawRecord } from "./raw-record.ts";

/** A row group with more than this, uncompressed, is read in windows of rows. */
const WINDOW_BYTES = 64 * 1024 ** 2;
/** A page with a larger stated size is refused: pages have about a megabyte. */
const MAX_PAGE_BYTES = 512 * 1024 ** 2;
/** Most compressed bytes of one row group's columns, which are held at once. */
const MAX_GROUP_BYTES = 2 * 1024 ** 3 - 1;

export interface ParquetOptions {
  /** Columns to read, as far as the file has them. */
  readonly columns: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

/** @throws DataError when the file is not parquet, is broken, or has a row group too large to hold. */
export async function* parquetRecords(
  file: DataFile,
  { columns, signal }: ParquetOptions,
): AsyncGenerator<RawRecord> {
  const buffer = {
    byteLength: file.sizeBytes,
    slice: (start: number, end = file.sizeBytes) => file.slice(start, end, signal),
  };
  const { metadata, wanted } = await guarded(file, signal, async () => {
    const found = await parquetMetadataAsync(buffer);
    return { metadata: found, wanted: wantedColumns(found, columns) };
  });
  if (wanted.length === 0) {
    throw new DataError(`${file.name} has none of the columns ${[...columns].join(", ")}.`, {
      code: "file-invalid",
    });
  }
  const totalRows = Number(metadata.num_rows);
  for (const { rowStart, rowEnd } of windows(file, metadata, new Set(wanted))) {
    signal?.throwIfAborted();
    const rows = await guarded(file, signal, () =>
      parquetReadObjects({
        file: buffer,
        metadata,
        columns: wanted,
        rowStart,
        rowEnd,
        compressors: BOUNDED,
        useOffsetIndex: true,
      }),
    );
    for (const [index, row] of rows.entries()) {
      const number = rowStart + index + 1;
      yield {
        place: `${file.name}, row ${number}`,
        doneBytes: (number / totalRows) * file.sizeBytes,
        content: content(row),
      };
    }
  }
}

/**
 * The names in `columns` that the file has. Each row group must have each leaf of them exactly once. For an unknown or surplus
 * chunk the parser drops a promise, whose failure would end the process.
 */
function wantedColumns(metadata: FileMetaData, columns: ReadonlySet<string>): string[] {
  const found = parquetSchema(metadata).children.filter(({ element }) => columns.has(element.name));
  const names = found.map(({ element }) => element.name);
  const leaves = found.flatMap(leafPaths).sort().join("\n");
  for (const [index, { columns: chunks }] of metadata.row_groups.entries()) {
    const present = chunks
      .map(({ meta_data: column }) => column?.path_in_schema ?? [])
      .filter(([name]) => name !== undefined && columns.has(name))
      .map((path) => path.join("."));
    if (present.sort().join("\n") !== leaves || new Set(names).size < names.length) {
      throw new DataError(`the columns of row group ${index + 1} are not those of the schema.`, {
        code: "file-invalid",
      });
    }
  }
  return names;
}

function leafPaths({ path, children }: SchemaTree): string[] {
  return children.length === 0 ? [path.join(".")] : children.flatMap(leafPaths);
}

/** Ranges of rows to read at once, in order; none crosses a row group. */
function windows(
  file: DataFile,
  metadata: FileMetaData,
  wanted: ReadonlySet<string>,
): { rowStart: number; rowEnd: number }[] {
  let groupStart = 0;
  return metadata.row_groups.flatMap((group, index) => {
    const rows = Number(group.num_rows);
    let packed = 0;
    let unpacked = 0;
    for (const { meta_data: column } of group.columns) {
      if (column === undefined || !wanted.has(column.path_in_schema[0] ?? "")) continue;
      packed += Number(column.total_compressed_size);
      unpacked += Number(column.total_uncompressed_size);
    }
    if (packed > MAX_GROUP_BYTES) {
      throw new DataError(
        `row group ${index + 1} of ${file.name} has ${packed} compressed bytes; at most ${MAX_GROUP_BYTES} can be held. Write it with smaller row groups.`,
        { code: "file-invalid" },
      );
    }
    const count = Math.max(1, Math.ceil(unpacked / WINDOW_BYTES));
    const step = Math.max(1, Math.ceil(rows / count));
    const start = groupStart;
    groupStart += rows;
    return Array.from({ length: Math.ceil(rows / step) }, (_, window) => ({
      rowStart: start + window * step,
      rowEnd: Math.min(groupStart, start + (window + 1) * step),
    }));
  });
}

function content(row: unknown): RawRecord["content"] {
  try {
    return { value: plainValue(row) };
  } catch (error) {
    return { fault: errorMessage(error) };
  }
}

/** Reports any error of the parser as a fault of the file. */
async function guarded<Result>(
  file: DataFile,
  signal: AbortSignal | undefined,
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError && error.message.includes(file.name)) throw error;
    throw new DataError(`${file.name} cannot be read as parquet: ${errorMessage(error)}`, {
      code: "file-invalid",
      cause: error,
    });
  }
}

/** The decompressors, limited to the size of a page. */
const BOUNDED: typeof compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, outputLength: number): Uint8Array => {
      if (outputLength > MAX_PAGE_BYTES) {
        throw new DataError(`a page claims ${outputLength} bytes; at most ${MAX_PAGE_BYTES} are read.`, {
          code: "file-invalid",
        });
      }
      return decompress(input, outputLength);
    },
  ]),
);
