/**
 * An append-only file of JSON documents, one a line: what a run that may be killed leaves on disk. A kill at any byte loses at most the
 * line that was being written. Lines are found again by their place in bytes, so that memory need not hold them.
 *
 * It knows nothing of what the lines say. Callers read the header and the entries, and hold the lock of the run (`run-lock.ts`): two writers
 * of one file are not supported. No descriptor is held between calls.
 */
import { closeSync, existsSync, fdatasyncSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

import { DataError, errorMessage } from "./errors.ts";
import { type FileLine, fileLines } from "./file-lines.ts";
import { writeFileAtomic } from "./files.ts";

/** Where a line is, in bytes; its length is without the line feed. */
export interface LinePlace {
  readonly offset: number;
  readonly length: number;
}

export class AppendLog {
  readonly path: string;
  /** Bytes up to the end of the last whole line. */
  #size: number;
  /** Whether a kill left part of a line after them. */
  #isTorn: boolean;

  private constructor(path: string, size: number, isTorn: boolean) {
    this.path = path;
    this.#size = size;
    this.#isTorn = isTorn;
  }

  /**
   * Opens the log at `path` and hands each whole line to `onLine`, in order, empty ones too. A missing file is an empty log. Nothing on disk
   * changes here, so that `onLine` can throw and leave a foreign file as it was.
   * @throws DataError when the file cannot be read, and what `onLine` throws.
   */
  static async open(path: string, onLine: (line: FileLine) => void): Promise<AppendLog> {
    let size = 0;
    let isTorn = false;
    if (existsSync(path)) {
      for await (const line of fileLines(path)) {
        isTorn = !line.ended;
        if (isTorn) break;
        onLine(line);
        size = line.offset + line.length + 1;
      }
    }
    return new AppendLog(path, size, isTorn);
  }

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  /**
   * Appends one document and hands it to the operating system. The file is made if needed.
   * @param flush Whether it must be on the disk before this returns.
   * @throws DataError when the file cannot be written.
   */
  append(entry: unknown, { flush = false } = {}): LinePlace {
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    try {
      withFile(this.path, "a", (descriptor) => {
        if (this.#isTorn) ftruncateSync(descriptor, this.#size);
        // A write that fails half-way (a full disk) leaves part of a line: the next one removes it.
        this.#isTorn = true;
        for (let written = 0; written < line.length;) written += writeSync(descriptor, line, written);
        if (flush) fdatasyncSync(descriptor);
      });
    } catch (error) {
      throw new DataError(
        `cannot write ${this.path}: ${errorMessage(error)}; give --out a place that can be written.`,
        { code: "file-unreadable", cause: error },
      );
    }
    this.#isTorn = false;
    const place = { offset: this.#size, length: line.length - 1 };
    this.#size += line.length;
    return place;
  }

  /** Reads the lines at `places`, in that order. @throws DataError when the file ends before one of them does. */
  *read(places: Iterable<LinePlace>): Generator<string> {
    let descriptor: number | undefined;
    try {
      for (const { offset, length } of places) {
        descriptor ??= openSync(this.path, "r");
        const line = Buffer.alloc(length);
        for (let read = 0; read < length;) {
          const count = readSync(descriptor, line, read, length - read, offset + read);
          if (count === 0) {
            throw new DataError(`${this.path} became shorter while it was read.`, { code: "file-invalid" });
          }
          read += count;
        }
        yield line.toString("utf8");
      }
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** Replaces all lines by `lines`, in one step, and says where they are now. */
  async replace(lines: readonly string[]): Promise<LinePlace[]> {
    await writeFileAtomic(this.path, lines.map((line) => `${line}\n`).join(""));
    this.#isTorn = false;
    this.#size = 0;
    return lines.map((line) => {
      const place = { offset: this.#size, length: Buffer.byteLength(line) };
      this.#size += place.length + 1;
      return place;
    });
  }

  /** Waits until all that was appended is on the disk. */
  sync(): void {
    if (!this.isEmpty) withFile(this.path, "r+", fdatasyncSync);
  }
}

function withFile(path: string, flags: string, action: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    action(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
