import fc from "fast-check";
import { expect, test } from "vitest";

import { byteLines } from "./byte-lines.ts";

async function linesOf(chunks: readonly Uint8Array[], most = 1000): Promise<(string | number)[]> {
  async function* stream() {
    yield* chunks;
  }
  const lines: (string | number)[] = [];
  for await (const line of byteLines(stream(), most)) {
    lines.push("bytes" in line ? Buffer.from(line.bytes).toString() : line.tooLongBytes);
  }
  return lines;
}

test("lines are the same however the bytes were cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", ""))),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const chunks: Uint8Array[] = [];
        for (let from = 0; from < bytes.length;) {
          const size = sizes[chunks.length % sizes.length] ?? 1;
          chunks.push(bytes.subarray(from, from + size));
          from += size;
        }
        expect(await linesOf(chunks)).toEqual(lines.map((line) => Buffer.from(line).toString()));
      },
    ),
  );
});

test("a line without an end is a line, a line that is too long is skipped, not held", async () => {
  expect(await linesOf([Buffer.from("a\n\nb")])).toEqual(["a", "", "b"]);
  const long = Buffer.alloc(50, "x");
  expect(await linesOf([Buffer.from("a\n"), long, long, Buffer.from("x\nb\n")], 60)).toEqual(["a", 100, "b"]);
  expect(await linesOf([Buffer.from(`a\n${"x".repeat(61)}\nb`)], 60)).toEqual(["a", 61, "b"]);
});
