/**
 * Parquet as a stream: one row group at a time, and a large one in windows of rows, so that memory stays flat on files larger
 * than it. Only the columns that are asked for are read.
 */
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";

import { DataError, errorMessage } from "../../core/errors.ts";
import type { DataFile } from "./data-file.ts";
import { plainValue, type RawRecord } from "./raw-record.ts";

/** A row group with more than this, uncompressed, is read in windows of rows. */
const WINDOW_BYTES = 64 * 1024 ** 2;
/** A page that says it is larger than this is refused: pages are about a megabyte. */
const MAX_PAGE_BYTES = 512 * 1024 ** 2;
/** Compressed bytes of the columns of one row group that have to be held at once. */
const MAX_GROUP_BYTES = 2 * 1024 ** 3 - 1;

export interface ParquetOptions {
  /** Those of these columns that the file has are read. */
  readonly columns: ReadonlySet<string>;
  readonly signal?: AbortSignal;
}

/** @throws DataError when the file is no parquet file, is broken, or has a row group too large to be held. */
export async function* parquetRecords(
  file: DataFile,
  { columns, signal }: ParquetOptions,
): AsyncGenerator<RawRecord> {
  const buffer = {
    byteLength: file.sizeBytes,
    slice: (start: number, end = file.sizeBytes) => file.slice(start, end, signal),
  };
  const metadata = await guarded(file, signal, () => parquetMetadataAsync(buffer));
  const wanted = parquetSchema(metadata)
    .children.map(({ element }) => element.name)
    .filter((name) => columns.has(name));
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

/** Ranges of rows that are read at once, in order; none reaches over a row group. */
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

/** Whatever the parser makes of a broken file, it is the file that is at fault. */
async function guarded<Result>(
  file: DataFile,
  signal: AbortSignal | undefined,
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError) throw error;
    throw new DataError(`${file.name} cannot be read as parquet: ${errorMessage(error)}`, {
      code: "file-invalid",
      cause: error,
    });
  }
}

/** The decompressors, none of which is asked for more than a page can have. */
const BOUNDED: typeof compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, outputLength: number): Uint8Array => {
      if (outputLength > MAX_PAGE_BYTES) {
        throw new DataError(
          `a page says that it has ${outputLength} bytes; at most ${MAX_PAGE_BYTES} are read.`,
          {
            code: "file-invalid",
          },
        );
      }
      return decompress(input, outputLength);
    },
  ]),
);
