/** A file line by line, for files that are too large to be one string. */
import { createReadStream } from "node:fs";

import { DataError, errorMessage } from "./errors.ts";

export interface FileLine {
  readonly text: string;
  /** Where it begins, in bytes. */
  readonly offset: number;
  /** In bytes, without the line feed. */
  readonly length: number;
  /** From 1. */
  readonly number: number;
  /** False for text behind the last line feed. */
  readonly ended: boolean;
}

const LINE_FEED = 0x0a;

/**
 * Every line in order, empty ones too; nothing after the last line feed of the file.
 * @throws DataError when the file cannot be read, or a line is longer than `maxBytes`.
 */
export async function* fileLines(path: string, maxBytes = 256 * 1024 ** 2): AsyncGenerator<FileLine> {
  let offset = 0;
  let number = 1;
  let parts: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer, ended: boolean): FileLine => {
    const text = (parts.length === 0 ? part : Buffer.concat([...parts, part])).toString("utf8");
    const line = { text, offset, length: length + part.length, number, ended };
    offset += line.length + 1;
    number += 1;
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      const part = chunk.subarray(start, end < 0 ? undefined : end);
      if (length + part.length > maxBytes) {
        throw new DataError(`${path}:${number} has more than ${maxBytes} bytes, the most a line may have.`, {
          code: "file-invalid",
        });
      }
      if (end < 0) {
        parts.push(part);
        length += part.length;
        break;
      }
      yield take(part, true);
      start = end + 1;
    }
  }
  if (length > 0) yield take(Buffer.alloc(0), false);
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 })) yield chunk as Buffer;
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new DataError(`cannot read ${path}: ${missing ? "no such file" : errorMessage(error)}`, {
      code: missing ? "file-missing" : "file-unreadable",
      cause: error,
    });
  }
}
