/** Parquet files from elsewhere are untrusted: a damaged one is rows or an error that names the file, never anything else. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { DataError } from "../../src/core/errors.ts";
import { createRng } from "../../src/core/rng.ts";
import { readOutcomes } from "../../src/data/readers/read-traces.ts";
import { openRowWriter, writeRows } from "../../src/data/writers/row-writer.ts";
import { TRACE_COLUMNS } from "../../src/data/writers/parquet-schema.ts";
import { sampleTraces } from "./sample-traces.ts";

let folder: string;
let whole: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parquet-fuzz-"));
  const path = join(folder, "whole.parquet");
  const { gap } = sampleTraces(20, 1);
  await writeRows(
    await openRowWriter(path, TRACE_COLUMNS),
    (async function* () {
      yield* gap;
    })(),
  );
  whole = await readFile(path);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function outcomeOf(bytes: Uint8Array): Promise<string> {
  const path = join(folder, "damaged.parquet");
  await writeFile(path, bytes);
  try {
    let rows = 0;
    for await (const outcome of readOutcomes(path)) rows += outcome.type === "row" ? 1 : 0;
    return rows === 20 ? "whole" : "rows";
  } catch (error) {
    if (error instanceof DataError && error.message.includes(path)) return "refused";
    throw error;
  }
}

test("cut files are refused", async () => {
  for (const length of [0, 4, 11, 12, 100, whole.length >> 1, whole.length - 1]) {
    expect(await outcomeOf(whole.subarray(0, length)), String(length)).toBe("refused");
  }
});

test("flipped bytes give rows or a refusal, within bounds of time and memory", async () => {
  const rng = createRng(7);
  const seen = new Map<string, number>();
  for (let round = 0; round < 200; round++) {
    const damaged = Uint8Array.from(whole);
    // Half of them in the footer, where lengths and offsets stand.
    const from = round % 2 === 0 ? 0 : Math.max(0, damaged.length - 3000);
    for (let flips = rng.integer(1, 4); flips > 0; flips--) {
      damaged[rng.integer(from, damaged.length - 1)] = rng.integer(0, 255);
    }
    const outcome = await outcomeOf(damaged);
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  expect(seen.get("refused") ?? 0).toBeGreaterThan(25);
  expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(4096);
}, 240_000);
