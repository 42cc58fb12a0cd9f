import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { toJsonLines } from "../core/json-lines.ts";
import { fromTraceRow, type TrainingRow, trainingRows } from "./training-rows.ts";
import { openRowWriter } from "./writers/row-writer.ts";
import { TRACE_COLUMNS } from "./writers/parquet-schema.ts";

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

it("reads what data annotate writes: parquet, and a folder of files", async () => {
  const row = (id: string) => ({ id, problem: "2+2?", trace: "it is 4", spans: [{ start: 6, end: 7 }] });
  const writer = await openRowWriter(join(folder, "b.parquet"), TRACE_COLUMNS);
  await writer.write(row("2"));
  await writer.close();
  await writeFile(join(folder, "a.jsonl"), toJsonLines([row("1")]));
  const found: TrainingRow[] = [];
  for await (const each of trainingRows(join(folder, "b.parquet"))) found.push(each);
  for await (const each of trainingRows(folder)) found.push(each);
  expect(found).toEqual(Array.from({ length: 3 }, () => fromTraceRow(row(""))));
});

it("keeps system messages and earlier turns, which a trace row does not", async () => {
  const messages = [
    { role: "system", content: "be brief" },
    { role: "user", content: "2+2?" },
    { role: "assistant", content: "4" },
    { role: "user", content: "3+3?" },
  ];
  expect(await read({ messages: [...messages, { role: "assistant", content: "6" }] })).toEqual([
    { messages, trace: "6", spans: [] },
  ]);
});

it("leaves out problems without a correct generation, and says so", async () => {
  const path = join(folder, "r1.jsonl");
  const problem = (correct: boolean) => ({
    problem: "2+2?",
    generations: ["<think>\n4</think> 4"],
    correctness_math_verify: [correct],
  });
  await writeFile(path, toJsonLines([problem(false), problem(true)]));
  const left: string[] = [];
  const found: TrainingRow[] = [];
  for await (const row of trainingRows(path, { onSkip: ({ reason }) => left.push(reason) })) found.push(row);
  expect(found).toMatchObject([{ trace: "4</think> 4" }]);
  expect(left).toEqual(["no-correct-generation"]);
});

it.each([
  [[{ prompt: "x" }], "rows.jsonl:1 cannot be used: a row has problem and trace"],
  [[{ prompt: "a", completion: "b" }, { problem: 1 }], "rows.jsonl:2 cannot be used: a row has"],
  [[{ messages: [{ role: "tool", content: "a" }] }], 'rows.jsonl:1: a message has the role "tool"'],
  [[{ id: "1", problem: 1, trace: "" }], "rows.jsonl:1 cannot be used: field problem"],
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
