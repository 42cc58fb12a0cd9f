/**
 * Keeps the rows of an unfinished run on disk. Each row is one line, written when its sample ends. So a run that is killed loses only the
 * samples in flight, and continues from the others when it is started again. Texts stay on disk.
 *
 *     DIR/run.json             the run's settings; a run with other settings does not continue it.
 *     DIR/rows.partial.jsonl   rows in the order in which they end, until the run is complete.
 *     DIR/run.lock             while a process is at work in the folder.
 *
 * `rows.ts` reads what a complete run leaves.
 */
import { existsSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { AppendLog, type LinePlace } from "../../core/append-log.ts";
import { differences } from "../../core/differences.ts";
import { readDocument } from "../../core/document.ts";
import { ConfigError, DataError, errorMessage } from "../../core/errors.ts";
import { makeFolder, writeFileAtomic } from "../../core/files.ts";
import { parseJsonLine, toJsonLines } from "../../core/json-lines.ts";
import { lockRun } from "../../core/run-lock.ts";
import {
  figuresOf,
  measuredOf,
  outcomeOf,
  type EvaluationRow,
  type RowFigures,
  rowKey,
  evaluationRowSchema,
} from "../row.ts";
import { keepsApart, MEASURED_FILE, readWholeRows, ROWS_FILE, SUMMARY_FILE } from "../rows.ts";

const headerSchema = z.object({ configHash: z.string(), config: z.unknown() });

export const PARTIAL_ROWS_FILE = "rows.partial.jsonl";
const HEADER_FILE = "run.json";
const LOCK_FILE = "run.lock";

/** The rows that an earlier run left. */
interface Earlier {
  readonly rows: readonly RowFigures[];
  readonly places: Map<string, LinePlace>;
  readonly isFinished: boolean;
}

/** Whether this call made the header and the folder. They are removed again if no row was written. */
interface Made {
  readonly header: boolean;
  readonly folder: boolean;
}

export class Journal {
  readonly folder: string;
  /** Rows of an earlier run of the same configuration, finished or not. */
  readonly kept: readonly RowFigures[];
  readonly #log: AppendLog;
  readonly #made: Made;
  readonly #places: Map<string, LinePlace>;
  readonly #wasFinished: boolean;
  readonly #lock: Disposable;
  #finished = false;
  #closed = false;

  private constructor(folder: string, log: AppendLog, earlier: Earlier, made: Made, lock: Disposable) {
    this.folder = folder;
    this.kept = earlier.rows;
    this.#log = log;
    this.#made = made;
    this.#places = earlier.places;
    this.#wasFinished = earlier.isFinished;
    this.#lock = lock;
  }

  /**
   * Opens `folder` for a run, making it if needed.
   * @throws ConfigError when the folder holds a run of another configuration, or another process is at work there; DataError when it cannot be written or read.
   */
  static async open(
    folder: string,
    header: { readonly configHash: string; readonly config: unknown },
  ): Promise<Journal> {
    const isFolderNew = !existsSync(folder);
    await makeFolder(folder).catch((error: unknown) => {
      throw new DataError(
        `cannot write to ${folder}: ${errorMessage(error)}; give --out a folder that can be written.`,
        { code: "file-unreadable", cause: error },
      );
    });
    const lock = lockRun(join(folder, LOCK_FILE));
    try {
      const isHeaderNew = await ensureHeader(folder, header);
      const { log, ...earlier } = await recover(folder);
      return new Journal(folder, log, earlier, { header: isHeaderNew, folder: isFolderNew }, lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  /** Writes one row through to the operating system before it returns. */
  append(row: EvaluationRow): void {
    this.#places.set(rowKey(row), this.#log.append(row));
  }

  /** Removes rows of this process and of earlier ones, so that the next run solves them again. Others stay. */
  async discard(isDiscarded: (row: EvaluationRow) => boolean): Promise<void> {
    const keys: string[] = [];
    const lines: string[] = [];
    for (const line of this.#log.read(this.#places.values())) {
      const row = parseJsonLine(line, evaluationRowSchema, this.#log.path);
      if (isDiscarded(row)) continue;
      keys.push(rowKey(row));
      lines.push(line);
    }
    const places = await this.#log.replace(lines);
    this.#places.clear();
    for (const [index, key] of keys.entries()) {
      const place = places[index];
      if (place !== undefined) this.#places.set(key, place);
    }
  }

  /**
   * Replaces the partial file by the complete one, in the order of `rows`, and writes the summary.
   * @param apart Whether measures go to a file of their own. Then rows.jsonl depends on the seed only.
   */
  async finish(rows: readonly RowFigures[], summary: unknown, { apart = false } = {}): Promise<void> {
    this.#finished = true;
    using _lock = this.#lock;
    await this.close();
    if (!this.#wasFinished || (await keepsApart(this.folder)) !== apart) await this.#writeRows(rows, apart);
    await writeFileAtomic(join(this.folder, SUMMARY_FILE), `${JSON.stringify(summary, null, 2)}\n`);
    await rm(this.#log.path, { force: true });
  }

  /** Keeps the rows that were written. Without any, removes what this process made. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#log.sync();
    const leavesNothing = this.#log.isEmpty && this.#made.header && !this.#finished;
    if (leavesNothing) {
      await rm(this.#log.path, { force: true });
      await rm(join(this.folder, HEADER_FILE), { force: true });
    }
    if (!this.#finished) this.#lock[Symbol.dispose]();
    // Somebody may have put something else there meanwhile: only an empty folder goes.
    if (leavesNothing && this.#made.folder) await rmdir(this.folder).catch(() => undefined);
  }

  /** Writes rows.jsonl last, or before anything is removed: if it exists, the run is complete. */
  async #writeRows(rows: readonly RowFigures[], apart: boolean): Promise<void> {
    const write = (name: string, part: (row: EvaluationRow) => unknown): Promise<void> =>
      writeFileAtomic(join(this.folder, name), linesOf(this.#inOrder(rows), part));
    if (apart) await write(MEASURED_FILE, measuredOf);
    await write(ROWS_FILE, apart ? outcomeOf : (row) => row);
    if (!apart) await rm(join(this.folder, MEASURED_FILE), { force: true });
  }

  async *#inOrder(rows: readonly RowFigures[]): AsyncGenerator<EvaluationRow> {
    if (this.#wasFinished) {
      yield* readWholeRows(this.folder);
      return;
    }
    const places = rows.map((row) => {
      const place = this.#places.get(rowKey(row));
      if (place === undefined) throw new TypeError(`Journal: row ${rowKey(row)} was never appended`);
      return place;
    });
    for (const line of this.#log.read(places)) yield parseJsonLine(line, evaluationRowSchema, this.#log.path);
  }
}

async function* linesOf(
  rows: AsyncIterable<EvaluationRow>,
  part: (row: EvaluationRow) => unknown,
): AsyncGenerator<string> {
  for await (const row of rows) yield toJsonLines([part(row)]);
}

/** Checks the header, or writes it if there is none; returns whether it did. The lock must be held. */
async function ensureHeader(
  folder: string,
  header: { readonly configHash: string; readonly config: unknown },
): Promise<boolean> {
  const path = join(folder, HEADER_FILE);
  if (existsSync(path)) {
    await requireSameRun(path, header);
    return false;
  }
  if (existsSync(join(folder, PARTIAL_ROWS_FILE)) || existsSync(join(folder, ROWS_FILE))) {
    throw new ConfigError(`${folder} holds rows but no ${HEADER_FILE}: give --out another folder.`, {
      code: "config-invalid",
    });
  }
  await writeFileAtomic(path, `${JSON.stringify(header, null, 2)}\n`);
  return true;
}

/** Nobody would read more. */
const MAX_DIFFERENCES = 5;

async function requireSameRun(
  headerPath: string,
  { configHash, config }: { readonly configHash: string; readonly config: unknown },
): Promise<void> {
  const header = await readDocument(headerPath, headerSchema, {
    name: `run header ${headerPath}`,
    source: "file",
    maxBytes: 64 * 1024 ** 2,
    advice: "Give --out another folder.",
  });
  if (header.configHash === configHash) return;
  const fields = differences(header.config, config);
  const more = fields.length > MAX_DIFFERENCES ? `; and ${fields.length - MAX_DIFFERENCES} more` : "";
  const what =
    fields.length === 0
      ? `${header.configHash}, this one is ${configHash}`
      : `${fields.slice(0, MAX_DIFFERENCES).join("; ")}${more}`;
  throw new ConfigError(
    `${headerPath} belongs to a run with other settings (${what}): ` +
      `give --out another folder, or the same settings to continue it.`,
    { code: "config-invalid" },
  );
}

/** Reads the rows of the complete file if it exists, else those of the partial file. */
async function recover(folder: string): Promise<Earlier & { readonly log: AppendLog }> {
  const path = join(folder, PARTIAL_ROWS_FILE);
  const rows: RowFigures[] = [];
  const places = new Map<string, LinePlace>();
  const isFinished = existsSync(join(folder, ROWS_FILE));
  if (isFinished) for await (const row of readWholeRows(folder)) rows.push(figuresOf(row));
  const log = await AppendLog.open(path, ({ text, offset, length, number }) => {
    if (isFinished || text.trim() === "") return;
    const row = parseJsonLine(text, evaluationRowSchema, `${path}:${number}`);
    places.set(rowKey(row), { offset, length });
    rows.push(figuresOf(row));
  });
  return { log, rows, places, isFinished };
}
