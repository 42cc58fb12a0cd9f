/** Reads the records of a source as a stream, before they are interpreted. */
import { given } from "../../core/given.ts";
import { bytesOf, type DataFile, listLocalFolder, openLocalFile } from "../files/data-file.ts";
import { parseSource, type RowSource } from "../files/source.ts";
import type { HubAccess } from "../hub/calls.ts";
import { jsonLineRecords } from "./json-lines.ts";
import { parquetRecords } from "./parquet.ts";
import type { RawRecord } from "./raw-record.ts";

export interface ReadRecordsOptions {
  readonly signal?: AbortSignal;
  /** Access to the hub. Default: the public one, without a token. */
  readonly hub?: HubAccess;
  /** Called with the bytes read so far and the bytes of all files. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Reads `FILE.jsonl`, `FILE.parquet`, a folder of such files (in the order of their names) or `hf:OWNER/NAME[@REVISION][/CONFIG][:SPLIT]`, in order.
 * @param columns The columns to read of parquet files.
 * @throws DataError when a file cannot be read. A single bad row is a record with a fault.
 */
export async function* readRecords(
  source: string | RowSource,
  columns: ReadonlySet<string>,
  { signal, hub = {}, onProgress }: ReadRecordsOptions = {},
): AsyncGenerator<RawRecord> {
  const files = await openFiles(typeof source === "string" ? parseSource(source) : source, hub, signal);
  try {
    const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    let before = 0;
    for (const file of files) {
      const records =
        file.format === "jsonl"
          ? jsonLineRecords(bytesOf(file, signal), file.name)
          : parquetRecords(file, { columns, ...given({ signal }) });
      for await (const record of records) {
        yield record;
        onProgress?.(before + record.doneBytes, totalBytes);
      }
      before += file.sizeBytes;
    }
    onProgress?.(totalBytes, totalBytes);
  } finally {
    for (const file of files) await file.close();
  }
}

async function openFiles(
  source: RowSource,
  hub: HubAccess,
  signal: AbortSignal | undefined,
): Promise<DataFile[]> {
  switch (source.kind) {
    case "file":
      return [await openLocalFile(source.path, source.format)];
    case "folder": {
      const files: DataFile[] = [];
      for (const { path, format } of await listLocalFolder(source.path)) {
        files.push(await openLocalFile(path, format));
      }
      return files;
    }
    case "hub": {
      // Loaded here: the hub's library is slow to load.
      const { openHubFiles } = await import("../hub/files.ts");
      return openHubFiles(source, hub, signal);
    }
    default:
      return source satisfies never;
  }
}
