/** The whole lines of a file with their places, read piece by piece: memory holds one line. */
import { createReadStream } from "node:fs";

export interface Line {
  readonly text: string;
  /** In bytes. */
  readonly offset: number;
  /** In bytes, without the line's end. */
  readonly length: number;
}

/** What is behind the last line's end is no line. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let parts: Buffer[] = [];
  let offset = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 18 })) {
    let rest = piece as Buffer;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line =
        parts.length === 0 ? rest.subarray(0, end) : Buffer.concat([...parts, rest.subarray(0, end)]);
      parts = [];
      yield { text: line.toString("utf8"), offset, length: line.length };
      offset += line.length + 1;
      rest = rest.subarray(end + 1);
    }
    // Copied: a part of a line outlives the buffer that it came in.
    if (rest.length > 0) parts.push(Buffer.from(rest));
  }
}
