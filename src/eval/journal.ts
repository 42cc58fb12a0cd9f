/**
 * Rows on disk while a run goes on. Each row is one line, handed to the operating system when its sample ends: a run that is
 * killed at any moment loses only the samples in flight, and goes on from the rest when started again.
 *
 *     DIR/run.json             what the run is; another run does not continue it
 *     DIR/rows.partial.jsonl   rows as they end, until the run is complete
 *     DIR/rows.jsonl           all rows in the order of the schedule, once complete
 *     DIR/summary.json         the document that `eval --json` prints
 */
import { closeSync, existsSync, fsyncSync, openSync, truncateSync, writeSync } from "node:fs";
import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { z } from "zod";

import { ConfigError, DataError, errorMessage } from "../core/errors.ts";
import { readTextFile, writeFileAtomic } from "../core/files.ts";
import { parseJsonLines, readJsonLines, toJsonLines } from "../core/json-lines.ts";
import { type Row, rowSchema } from "./row.ts";

const MAX_ROWS_BYTES = 4 * 1024 ** 3;

const headerSchema = z.object({ configHash: z.string() });

export const PARTIAL_ROWS_FILE = "rows.partial.jsonl";

export class Journal {
  readonly folder: string;
  /** Rows of an earlier, unfinished or finished, run of the same configuration. */
  readonly kept: readonly Row[];
  readonly #partialPath: string;
  /** Whether this call made run.json, and the folder. */
  readonly #made: { readonly header: boolean; readonly folder: boolean };
  #descriptor: number | undefined;
  #finished = false;
  #closed = false;

  private constructor(
    folder: string,
    kept: readonly Row[],
    partialPath: string,
    made: { readonly header: boolean; readonly folder: boolean },
  ) {
    this.folder = folder;
    this.kept = kept;
    this.#made = made;
    this.#partialPath = partialPath;
  }

  /**
   * Opens `folder` for a run, making it if needed.
   * @throws ConfigError when the folder holds a run of another configuration; DataError when it cannot be written or read.
   */
  static async open(
    folder: string,
    header: { readonly configHash: string; readonly config: unknown },
  ): Promise<Journal> {
    const headerPath = join(folder, "run.json");
    const partialPath = join(folder, PARTIAL_ROWS_FILE);
    const rowsPath = join(folder, "rows.jsonl");
    const made = { header: !existsSync(headerPath), folder: !existsSync(folder) };
    if (!made.header) {
      await requireSameRun(headerPath, header.configHash);
    } else {
      if (existsSync(partialPath) || existsSync(rowsPath)) {
        throw new ConfigError(`${folder} holds rows but no run.json: give --out another folder.`, {
          code: "config-invalid",
        });
      }
      try {
        await writeFileAtomic(headerPath, `${JSON.stringify(header, null, 2)}\n`);
      } catch (error) {
        throw new DataError(
          `cannot write to ${folder}: ${errorMessage(error)}; give --out a folder that can be written.`,
          { code: "file-unreadable", cause: error },
        );
      }
    }
    const finished = existsSync(rowsPath) ? await readJsonLines(rowsPath, rowSchema, MAX_ROWS_BYTES) : [];
    const kept = finished.length > 0 ? finished : await recoverPartial(partialPath);
    return new Journal(folder, kept, partialPath, made);
  }

  /** Writes one row through to the operating system before it returns. */
  append(row: Row): void {
    this.#descriptor ??= openSync(this.#partialPath, "a");
    writeSync(this.#descriptor, toJsonLines([row]));
  }

  /** Replaces the partial file by the complete one and writes the summary. */
  async finish(rows: readonly Row[], summary: unknown): Promise<void> {
    this.#finished = true;
    await this.close();
    await writeFileAtomic(join(this.folder, "rows.jsonl"), toJsonLines(rows));
    await writeFileAtomic(join(this.folder, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
    await rm(this.#partialPath, { force: true });
  }

  /** Keeps the rows that were written; where there are none, leaves nothing behind. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#descriptor !== undefined) {
      fsyncSync(this.#descriptor);
      closeSync(this.#descriptor);
    } else if (this.#made.header && !this.#finished) {
      await rm(join(this.folder, "run.json"), { force: true });
      // Somebody may have put something else there meanwhile: only an empty folder goes.
      if (this.#made.folder) await rmdir(this.folder).catch(() => undefined);
    }
  }
}

async function requireSameRun(headerPath: string, configHash: string): Promise<void> {
  const header = headerSchema.safeParse(parseJson(await readTextFile(headerPath), headerPath));
  if (!header.success) {
    throw new DataError(`${headerPath} is not the header of a run: give --out another folder.`, {
      code: "file-invalid",
    });
  }
  if (header.data.configHash !== configHash) {
    throw new ConfigError(
      `${headerPath} belongs to a run with other settings (${header.data.configHash}, this one is ${configHash}): ` +
        `give --out another folder, or the same settings to continue it.`,
      { code: "config-invalid" },
    );
  }
}

/** Rows up to the last complete line. What a kill left of a line behind it is cut off, so that the next row starts a line. */
async function recoverPartial(path: string): Promise<Row[]> {
  if (!existsSync(path)) return [];
  const text = await readTextFile(path, MAX_ROWS_BYTES);
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  if (complete.length < text.length) truncateSync(path, Buffer.byteLength(complete));
  return parseJsonLines(complete, rowSchema, path);
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`${where} is not valid JSON: ${errorMessage(error)}`, {
      code: "file-invalid",
      cause: error,
    });
  }
}
