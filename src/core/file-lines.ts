/** Reads a file line by line, for files too large for one string. */
import { createReadStream } from "node:fs";

import { byteLines } from "./byte-lines.ts";
import { DataError } from "./errors.ts";
import { unreadable } from "./files.ts";

export interface FileLine {
  readonly text: string;
  /** Start of the line, in bytes. */
  readonly offset: number;
  /** Length in bytes, without the line feed. */
  readonly length: number;
  /** Line number, from 1. */
  readonly number: number;
  /** False for the text after the last line feed. */
  readonly ended: boolean;
}

/**
 * All lines in order, empty ones too.
 * @throws DataError when the file cannot be read, or a line is longer than `maxBytes`.
 */
export async function* fileLines(path: string, maxBytes = 256 * 1024 ** 2): AsyncGenerator<FileLine> {
  let offset = 0;
  let number = 1;
  for await (const line of byteLines(fileChunks(path), maxBytes)) {
    if ("tooLongBytes" in line) {
      throw new DataError(`${path}:${number} has more than ${maxBytes} bytes, the most a line may have.`, {
        code: "file-invalid",
      });
    }
    const { bytes, ended } = line;
    yield {
      text: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"),
      offset,
      length: bytes.length,
      number,
      ended,
    };
    offset += bytes.length + 1;
    number += 1;
  }
}

/** A file as chunks of a mebibyte. @throws DataError when it cannot be read. */
export async function* fileChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) yield chunk as Buffer;
  } catch (error) {
    throw unreadable(path, error);
  }
}
