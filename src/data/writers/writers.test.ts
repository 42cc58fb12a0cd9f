import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { parquetMetadataAsync } from "hyparquet";
import { asyncBufferFromFile } from "hyparquet/src/node.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { TraceRow } from "../../formats/trace-row.ts";
import { readTraces } from "../readers/read-traces.ts";
import { openRowWriter, writeRows } from "./row-writer.ts";
import { TRACE_COLUMNS } from "./parquet-schema.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "writers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* stream<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

async function roundTrip(rows: readonly TraceRow[], name: string): Promise<TraceRow[]> {
  const path = join(folder, name);
  expect(await writeRows(await openRowWriter(path, TRACE_COLUMNS), stream(rows))).toBe(rows.length);
  const read: TraceRow[] = [];
  for await (const row of readTraces(path)) read.push(row);
  return read;
}

/** Any text that JSON and UTF-8 can carry, without tags: those are read as spans. */
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const offset = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const withoutMissing = <Row extends object>(row: Row): Row =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as Row;
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0));
const span = fc
  .record({
    start: offset,
    end: offset.map((end) => Math.max(1, end)),
    score: optional(finite),
    edits: optional(offset),
  })
  .map(withoutMissing);
const row = fc
  .record({
    id: text,
    problem: text,
    trace: text,
    answer: optional(text),
    spans: optional(fc.array(span, { maxLength: 4 })),
    annotator: optional(text),
    source: optional(text),
    solution: optional(text),
    correct: optional(fc.boolean()),
    scores: optional(
      fc.record({ offsets: fc.array(offset, { maxLength: 5 }), gap: fc.array(finite, { maxLength: 5 }) }),
    ),
    error: optional(text),
  })
  .map(withoutMissing);

describe.each(["rows.jsonl", "rows.parquet"])("%s", (name) => {
  test("what is written is read", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
        expect(await roundTrip(rows, name)).toEqual(rows);
      }),
      { numRuns: 60 },
    );
  });

  test("a failure half-way leaves what stood there, and nothing beside it", async () => {
    const path = join(folder, name);
    await writeFile(path, "before");
    const failing = (async function* () {
      yield { id: "a", problem: "p", trace: "t" };
      throw new Error("gone");
    })();
    await expect(writeRows(await openRowWriter(path, TRACE_COLUMNS), failing)).rejects.toThrow("gone");
    expect(await readFile(path, "utf8")).toBe("before");
    expect((await readdir(folder)).filter((each) => each.endsWith(".partial"))).toEqual([]);
  });
});

test("a parquet file has several row groups, and a field without a column is refused", async () => {
  const path = join(folder, "groups.parquet");
  const rows = Array.from({ length: 2500 }, (_, id) => ({
    id: `${id}`,
    problem: "p",
    trace: "t".repeat(id % 50),
  }));
  const read = await roundTrip(rows, "groups.parquet");
  expect(read).toEqual(rows);
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
  expect(metadata.row_groups.map((group) => Number(group.num_rows))).toEqual([1000, 1000, 500]);
  const writer = await openRowWriter(path, TRACE_COLUMNS);
  await expect(writer.write({ id: "a", colour: "red" })).rejects.toThrow(/field colour/u);
  await writer.abort();
  await expect(openRowWriter(join(folder, "rows.csv"), TRACE_COLUMNS)).rejects.toThrow(
    /\.jsonl or \.parquet/u,
  );
});
