/**
 * Reads rows from JSON Lines, parquet, folders of them and the Hugging Face hub, as streams with flat memory. Other folders judge the rows (`check`)
 * and choose spans (`annotate`).
 */
import { DataError } from "../../core/errors.ts";
import type { TraceRow } from "../../formats/trace-row.ts";
import type { HubAccess } from "../hub/access.ts";
import { bytesOf, type DataFile, listLocalFolder, openLocalFile } from "../files/data-file.ts";
import { jsonLineRecords } from "./json-lines.ts";
import type { GenerationChoice } from "./open-r1.ts";
import { parquetRecords } from "./parquet.ts";
import type { RawRecord } from "./raw-record.ts";
import { KNOWN_COLUMNS, type ReadOutcome, rowsOf } from "./rows.ts";
import { parseSource, type RowSource } from "../files/source.ts";

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** At most this many rows. */
  readonly limit?: number;
  /** Which traces of a problem that has several; `first-correct` unless said otherwise. */
  readonly generation?: GenerationChoice;
  /** How the hub is reached; `hf:` sources need it. */
  readonly hub?: HubAccess;
  /** Bytes read so far of the bytes of all files. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export interface ReadTracesOptions extends ReadOptions {
  /** Told of every record that gives no row. Without it such a record is an error. */
  readonly onSkip?: (skipped: Extract<ReadOutcome, { type: "skipped" }>) => void;
}

/**
 * The rows of `FILE.jsonl`, `FILE.parquet`, a folder of such files (in the order of their names) or
 * `hf:OWNER/NAME[@REVISION][/CONFIG][:SPLIT]`, in order. Tags in a trace are read as its spans.
 * @throws DataError when a file cannot be read, and, without `onSkip`, on a record that gives no row; of a row whose tags do not pair
 *   `onSkip` is told as well.
 */
export async function* readTraces(spec: string, options: ReadTracesOptions = {}): AsyncGenerator<TraceRow> {
  const { onSkip, limit = Number.POSITIVE_INFINITY, ...rest } = options;
  if (limit <= 0) return;
  let rows = 0;
  for await (const outcome of readOutcomes(spec, rest)) {
    const usable = outcome.type === "row" && outcome.faults.length > 0 ? withoutRow(outcome) : outcome;
    if (usable.type === "row") {
      yield usable.row;
      rows += 1;
      if (rows >= limit) return;
    } else if (onSkip === undefined) {
      throw new DataError(`${usable.place} cannot be used: ${usable.message}.`, { code: "data-invalid" });
    } else onSkip(usable);
  }
}

function withoutRow({ faults, row, place }: Extract<ReadOutcome, { type: "row" }>): ReadOutcome {
  const [fault] = faults;
  const message = `offload tags do not pair in row ${row.id} (${fault?.kind ?? ""} at offset ${fault?.position ?? 0})`;
  return { type: "skipped", reason: "invalid", message, place };
}

/** The same with every record accounted for: rows with the faults of their tags, and records that give no row. */
export async function* readOutcomes(spec: string, options: ReadOptions = {}): AsyncGenerator<ReadOutcome> {
  const { signal, limit = Number.POSITIVE_INFINITY, generation = "first-correct", onProgress } = options;
  const files = await openFiles(parseSource(spec), options);
  try {
    const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    let before = 0;
    let rows = 0;
    for (const file of files) {
      for await (const record of recordsOf(file, signal)) {
        for (const outcome of rowsOf(record, generation)) {
          if (rows >= limit) return;
          if (outcome.type === "row") rows += 1;
          yield outcome;
        }
        onProgress?.(before + record.doneBytes, totalBytes);
      }
      before += file.sizeBytes;
    }
    onProgress?.(totalBytes, totalBytes);
  } finally {
    for (const file of files) await file.close();
  }
}

function recordsOf(file: DataFile, signal: AbortSignal | undefined): AsyncIterable<RawRecord> {
  return file.format === "jsonl"
    ? jsonLineRecords(bytesOf(file, signal), file.name)
    : parquetRecords(file, { columns: KNOWN_COLUMNS, ...(signal === undefined ? {} : { signal }) });
}

async function openFiles(source: RowSource, { hub, signal }: ReadOptions): Promise<DataFile[]> {
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
      // The hub's library is loaded by those only who ask for it.
      const { openHubFiles } = await import("../hub/files.ts");
      return openHubFiles(source, hub ?? {}, signal);
    }
    default:
      return source satisfies never;
  }
}
