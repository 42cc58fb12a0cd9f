import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { toJsonLines } from "../core/json-lines.ts";
import { type TrainingRow, trainingRows } from "./training-rows.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-rows-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function read(...rows: unknown[]) {
  const path = join(folder, "rows.jsonl");
  await writeFile(path, toJsonLines(rows));
  const found: TrainingRow[] = [];
  for await (const row of trainingRows(path)) found.push(row);
  return found;
}

it("reads the three forms, tags as spans", async () => {
  const user = { role: "user", content: "2+2?" };
  expect(
    await read(
      { id: "1", problem: "2+2?", trace: "it is 4", spans: [{ start: 6, end: 7 }] },
      { prompt: "2+2?", completion: "<think>\nit is <bigmodel>4</bigmodel>" },
      { messages: [user, { role: "assistant", content: "it is <bigmodel>4</bigmodel>" }] },
    ),
  ).toEqual(
    Array.from({ length: 3 }, () => ({ messages: [user], trace: "it is 4", spans: [{ start: 6, end: 7 }] })),
  );
});

it.each([
  [[{ prompt: "x" }], "rows.jsonl:1, field "],
  [[{ prompt: "a", completion: "b" }, { problem: 1 }], "rows.jsonl:2, field "],
  [
    [
      {
        messages: [
          { role: "user", content: "a" },
          { role: "user", content: "b" },
        ],
      },
    ],
    "must be the assistant's",
  ],
  [[{ prompt: "a", completion: "b <bigmodel> c" }], "do not pair (unclosed-open"],
  [[], "has no rows"],
])("says what is wrong with %j", async (rows, message) => {
  await expect(read(...rows)).rejects.toThrow(message);
});
