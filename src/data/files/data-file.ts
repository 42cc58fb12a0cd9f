/** A file of rows, local or remote. JSON Lines needs its bytes in order, parquet by position. */
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

import { DataError } from "../../core/errors.ts";
import { unreadable } from "../../core/files.ts";
import { formatOf, type RowFormat } from "./source.ts";

export interface DataFile {
  /** Name in errors: a path, or a path within a repository. */
  readonly name: string;
  readonly format: RowFormat;
  readonly sizeBytes: number;
  /** Reads bytes `start` to `end`, end exclusive: all of them, or an error. */
  slice(start: number, end: number, signal?: AbortSignal): Promise<ArrayBuffer>;
  close(): Promise<void>;
}

const CHUNK_BYTES = 4 * 1024 ** 2;

/** Reads the bytes of a file in order, a few megabytes at a time. */
export async function* bytesOf(file: DataFile, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < file.sizeBytes; start += CHUNK_BYTES) {
    signal?.throwIfAborted();
    const end = Math.min(file.sizeBytes, start + CHUNK_BYTES);
    yield new Uint8Array(await file.slice(start, end, signal));
  }
}

/** @throws DataError when there is no such file, or it cannot be read. */
export async function openLocalFile(path: string, format: RowFormat): Promise<DataFile> {
  const handle = await open(path, "r").catch((error: unknown) => {
    throw unreadable(path, error);
  });
  const { size } = await handle.stat();
  return {
    name: path,
    format,
    sizeBytes: size,
    slice: async (start, end) => {
      const bytes = new Uint8Array(end - start);
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await handle.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) {
          throw new DataError(
            `${path} ended at byte ${start + done} of ${size}: it was cut while it was read.`,
            {
              code: "file-unreadable",
            },
          );
        }
        done += bytesRead;
      }
      return bytes.buffer;
    },
    close: () => handle.close(),
  };
}

/**
 * Lists the parquet and JSON Lines files directly in a folder, by name.
 * @throws DataError when there are none.
 */
export async function listLocalFolder(
  path: string,
): Promise<{ readonly path: string; readonly format: RowFormat }[]> {
  const isFolder = await stat(path).then(
    (entry) => entry.isDirectory(),
    (error: unknown) => {
      throw unreadable(path, error);
    },
  );
  if (!isFolder) {
    throw new DataError(`${path} is neither .jsonl nor .parquet nor a folder of such files.`, {
      code: "file-invalid",
    });
  }
  const files = (await readdir(path)).sort().flatMap((name) => {
    const format = formatOf(name);
    return format === undefined ? [] : [{ path: join(path, name), format }];
  });
  if (files.length > 0) return files;
  throw new DataError(`${path} has no .parquet and no .jsonl files.`, { code: "file-missing" });
}
