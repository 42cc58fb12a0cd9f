/** Reads JSON Lines as a stream: memory holds one line and one chunk, whatever the size of the file. */
import { byteLines } from "../../core/byte-lines.ts";
import { DataError, errorMessage } from "../../core/errors.ts";
import { plainValue, type RawRecord } from "./raw-record.ts";

/** Longest line that is read. A trace of a million tokens has about 4 MB. */
const MAX_LINE_BYTES = 64 * 1024 ** 2;

/**
 * Reads one record a line; blank lines are skipped. A line that is not JSON is a record with a fault.
 * @throws DataError on a line above 64 MiB, which is no row of JSON Lines.
 */
export async function* jsonLineRecords(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<RawRecord> {
  let number = 0;
  let doneBytes = 0;
  for await (const line of byteLines(chunks, MAX_LINE_BYTES)) {
    number += 1;
    if ("tooLongBytes" in line) {
      throw new DataError(
        `${name} has a line of more than ${MAX_LINE_BYTES} bytes; JSON Lines has one row a line.`,
        { code: "file-invalid" },
      );
    }
    const { bytes } = line;
    doneBytes += bytes.length + 1;
    const text = decodeUtf8(bytes);
    const place = `${name}:${number}`;
    if (text === undefined) yield { place, doneBytes, content: { fault: "not valid UTF-8" } };
    else if (text.trim() !== "") yield { place, doneBytes, content: parse(text) };
  }
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true });

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

function parse(text: string): RawRecord["content"] {
  try {
    return { value: plainValue(JSON.parse(text)) };
  } catch (error) {
    return { fault: `not valid JSON: ${errorMessage(error)}` };
  }
}
