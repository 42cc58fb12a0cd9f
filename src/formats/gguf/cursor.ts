/** Reads a file forwards through a small window, so that the header of a large file costs only itself. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { isUtf8 } from "node:buffer";

import { DataError } from "../../core/errors.ts";
import { unreadable } from "../../core/files.ts";
import { NUMBER_BYTES, type GgufNumberType } from "./types.ts";

const WINDOW_BYTES = 1 << 18;
/** Longest string. The longest ones of real files, chat templates, are far shorter. */
const MAX_STRING_BYTES = 1 << 24;

export class FileCursor implements Disposable {
  readonly path: string;
  readonly fileBytes: number;
  readonly #descriptor: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  /** Offset of the next value from the start of the file. */
  position = 0;

  /** @throws DataError `file-missing`, `file-unreadable`, or `file-invalid` if it is not a regular file. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#descriptor = openSync(path, "r");
    } catch (error) {
      throw unreadable(path, error);
    }
    const status = fstatSync(this.#descriptor);
    if (!status.isFile()) {
      closeSync(this.#descriptor);
      throw new DataError(`${path} is not a file.`, { code: "file-invalid" });
    }
    this.fileBytes = status.size;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  get remainingBytes(): number {
    return this.fileBytes - this.position;
  }

  invalid(what: string): DataError {
    return new DataError(`${this.path} is not a GGUF file that can be used: ${what}`, {
      code: "file-invalid",
    });
  }

  /** The next `bytes` bytes, valid until the next call. */
  take(bytes: number, what: string): Buffer {
    if (bytes > this.remainingBytes) {
      throw this.invalid(
        `it ends at byte ${this.fileBytes}, within ${what} (${bytes} bytes from ${this.position} on). Is the download complete?`,
      );
    }
    const start = this.position - this.#windowStart;
    if (start < 0 || start + bytes > this.#window.byteLength) this.#fill(bytes, what);
    const at = this.position - this.#windowStart;
    this.position += bytes;
    return this.#window.subarray(at, at + bytes);
  }

  number(type: GgufNumberType, what: string): number {
    const bytes = this.take(NUMBER_BYTES[type], what);
    switch (type) {
      case "uint8":
        return bytes.readUInt8(0);
      case "int8":
        return bytes.readInt8(0);
      case "uint16":
        return bytes.readUInt16LE(0);
      case "int16":
        return bytes.readInt16LE(0);
      case "uint32":
        return bytes.readUInt32LE(0);
      case "int32":
        return bytes.readInt32LE(0);
      case "float32":
        return bytes.readFloatLE(0);
      case "float64":
        return bytes.readDoubleLE(0);
      default:
        return type satisfies never;
    }
  }

  bigint(type: "uint64" | "int64", what: string): bigint {
    const bytes = this.take(8, what);
    return type === "uint64" ? bytes.readBigUInt64LE(0) : bytes.readBigInt64LE(0);
  }

  /** A 64-bit count or size, at most `maximum`. It is compared before it becomes a number, so nothing overflows. */
  count(maximum: number, what: string): number {
    const value = this.bigint("uint64", what);
    if (value > BigInt(maximum)) throw this.invalid(`${what} is ${value}; at most ${maximum} can be right.`);
    return Number(value);
  }

  string(what: string): string {
    const length = this.count(Math.min(MAX_STRING_BYTES, this.fileBytes), `the length of ${what}`);
    const bytes = this.take(length, what);
    if (!isUtf8(bytes)) throw this.invalid(`${what} is not UTF-8.`);
    return bytes.toString("utf8");
  }

  #fill(bytes: number, what: string): void {
    const size = Math.min(Math.max(bytes, WINDOW_BYTES), this.remainingBytes);
    const window = Buffer.allocUnsafe(size);
    let filled = 0;
    while (filled < size) {
      const read = readSync(this.#descriptor, window, filled, size - filled, this.position + filled);
      if (read === 0) throw this.invalid(`it became shorter while ${what} was read.`);
      filled += read;
    }
    this.#window = window;
    this.#windowStart = this.position;
  }
}
