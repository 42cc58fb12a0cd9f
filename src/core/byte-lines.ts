/** Splits a stream of bytes into lines. Memory holds one line and one chunk, whatever the length of the stream. */

const NEWLINE = 0x0a;

/**
 * A line without its line feed; `ended` is false for the text after the last line feed. The bytes of a line that is too long
 * are left out; `tooLongBytes` says how many were read before it was refused.
 */
export type ByteLine =
  | { readonly bytes: Uint8Array; readonly ended: boolean }
  | { readonly tooLongBytes: number };

/**
 * The lines in order. The text after the last line feed is a line too, unless it is empty. The bytes are valid until the next
 * line is asked for.
 */
export async function* byteLines(
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<ByteLine> {
  let parts: Uint8Array[] = [];
  let held = 0;
  /** Whether the rest of a line that was too long is being skipped. */
  let skipping = false;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (!skipping) {
        const last = chunk.subarray(from, end);
        yield held + last.length > maxLineBytes
          ? { tooLongBytes: held + last.length }
          : { bytes: parts.length === 0 ? last : Buffer.concat([...parts, last]), ended: true };
      }
      skipping = false;
      parts = [];
      held = 0;
      from = end + 1;
    }
    if (skipping || from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > maxLineBytes) {
      yield { tooLongBytes: held };
      skipping = true;
      parts = [];
      held = 0;
    }
  }
  if (held > 0) yield { bytes: Buffer.concat(parts), ended: false };
}
