/**
 * Reads rows from JSON Lines, parquet, folders of them and the Hugging Face hub, as streams with flat memory. Other folders judge the rows (`check`)
 * and choose spans (`annotate`).
 */
import type { TraceRow } from "../../formats/trace-row.ts";
import type { GenerationChoice } from "./open-r1.ts";
import { readRecords, type ReadRecordsOptions } from "./records.ts";
import { KNOWN_COLUMNS, type ReadOutcome, rowsOf, type SkippedRecord, skippedError } from "./rows.ts";

export interface ReadOptions extends ReadRecordsOptions {
  /** Most rows to read. */
  readonly limit?: number;
  /** Traces to take of a problem with several. Default: `first-correct`. */
  readonly generation?: GenerationChoice;
}

export interface ReadTracesOptions extends ReadOptions {
  /** Called for every record that gives no row. Without it such a record is an error. */
  readonly onSkip?: (skipped: SkippedRecord) => void;
}

/**
 * Reads the trace rows of a source (see {@link readRecords}), in order. Tags in a trace become its spans. A row whose tags do
 * not pair is skipped.
 * @throws DataError when a file cannot be read and, without `onSkip`, on a record that gives no row.
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
      throw skippedError(usable);
    } else onSkip(usable);
  }
}

function withoutRow({ faults, row, place }: Extract<ReadOutcome, { type: "row" }>): ReadOutcome {
  const [fault] = faults;
  const message = `offload tags do not pair in row ${row.id} (${fault?.kind ?? ""} at offset ${fault?.position ?? 0})`;
  return { type: "skipped", reason: "invalid", message, place };
}

/** Reads a source and accounts for every record: rows with the faults of their tags, and records that give no row. */
export async function* readOutcomes(spec: string, options: ReadOptions = {}): AsyncGenerator<ReadOutcome> {
  const { limit = Number.POSITIVE_INFINITY, generation = "first-correct" } = options;
  let rows = 0;
  for await (const record of readRecords(spec, KNOWN_COLUMNS, options)) {
    for (const outcome of rowsOf(record, generation)) {
      if (rows >= limit) return;
      if (outcome.type === "row") rows += 1;
      yield outcome;
    }
  }
}
