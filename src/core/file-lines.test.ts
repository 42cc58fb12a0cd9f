import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";

import { type FileLine, fileLines } from "./file-lines.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-lines-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function linesOf(content: string | Buffer, maxBytes?: number): Promise<FileLine[]> {
  const path = join(folder, "lines");
  await writeFile(path, content);
  const lines: FileLine[] = [];
  for await (const line of fileLines(path, maxBytes)) lines.push(line);
  return lines;
}

it("gives each line with its place in bytes", async () => {
  expect(await linesOf("a\n\nrö\nrest")).toEqual([
    { text: "a", offset: 0, length: 1, number: 1, ended: true },
    { text: "", offset: 2, length: 0, number: 2, ended: true },
    { text: "rö", offset: 3, length: 3, number: 3, ended: true },
    { text: "rest", offset: 7, length: 4, number: 4, ended: false },
  ]);
  expect(await linesOf("")).toEqual([]);
});

it("loses nothing, whatever the lines are", async () => {
  const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll("\n", " "));
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), async (lines) => {
      const content = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const read = await linesOf(content);
      expect(read.map(({ text }) => text)).toEqual(lines);
      for (const { text, offset, length } of read) {
        expect(content.subarray(offset, offset + length).toString()).toBe(text);
      }
    }),
    { numRuns: 50 },
  );
});

it("reads lines that are longer than what is read at once", async () => {
  const long = "ä".repeat(1_200_000);
  const lines = await linesOf(`${long}\nshort\n${long}`);
  expect(lines.map(({ text, ended }) => [text.length, ended])).toEqual([
    [1_200_000, true],
    [5, true],
    [1_200_000, false],
  ]);
});

it("refuses a line without end, and names a file that is not there", async () => {
  await expect(linesOf(`ok\n${"x".repeat(200)}`, 100)).rejects.toThrow("lines:2 has more than 100 bytes");
  await expect(async () => {
    for await (const _ of fileLines(join(folder, "none"))) throw new Error("a line of nothing");
  }).rejects.toThrow("none: no such file");
});
