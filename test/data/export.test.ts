/** Exports as other programs read them: back into rows, by pyarrow and datasets, and token for token as `train sft` has them. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { readTraces } from "../../src/data/readers/read-traces.ts";
import { openRowWriter, writeRows } from "../../src/data/writers/row-writer.ts";
import { TRACE_COLUMNS } from "../../src/data/writers/parquet-schema.ts";
import type { TraceRow } from "../../src/formats/trace-row.ts";
import { ChatTemplate, loadTokenizer } from "../../src/tokenizer/index.ts";
import { traceRowDatum } from "../../src/train/supervised/trace-datum.ts";
import { ENVIRONMENT_TIMEOUT_MS, preparePython, runPython } from "../python/environment.ts";
import { callCli } from "../support/terminal.ts";
import { sampleTraces } from "./sample-traces.ts";

const MICRO = join(import.meta.dirname, "..", "..", "models", "micro", "small");

let folder: string;
let file: string;
let rows: TraceRow[];
beforeAll(async () => {
  await preparePython("data");
  folder = await mkdtemp(join(tmpdir(), "export-"));
  file = join(folder, "rows.jsonl");
  rows = [
    ...sampleTraces(12, 9).truth,
    // What a chat may hold: tags that a person typed, a line break first, nothing marked, no answer.
    {
      id: "typed",
      problem: "What does <bigmodel> mean, 🙂?",
      trace: "\n  A tag.\n</think>\nA tag.",
      spans: [{ start: 3, end: 8 }],
    },
    { id: "plain", problem: "1+1?", trace: "2</think>\n\\boxed{2}", answer: "2", correct: true },
  ];
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}, ENVIRONMENT_TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function exported(name: string, ...flags: string[]): Promise<string> {
  const out = join(folder, name);
  const { status, log } = await callCli(["data", "export", file, "--out", out, ...flags]);
  expect(log).toBe("");
  expect(status).toBe(0);
  return out;
}

async function readBack(path: string): Promise<TraceRow[]> {
  const read: TraceRow[] = [];
  for await (const row of readTraces(path)) read.push(row);
  return read;
}

const readLines = async (path: string): Promise<Record<string, unknown>[]> =>
  (await readFile(path, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

interface PythonFile {
  readonly schema: Readonly<Record<string, string>>;
  readonly rows: readonly Record<string, unknown>[];
  readonly rowGroups: number;
  readonly features: Readonly<Record<string, string>>;
  readonly same: boolean;
}
const readByPython = async (...paths: string[]) =>
  (await runPython("read_parquet.py", { paths }, "data")) as PythonFile[];

describe("conversations", () => {
  test.each([
    ["trl.jsonl", "--format", "trl"],
    ["trl.parquet", "--format", "trl"],
    ["messages.jsonl", "--format", "trl", "--shape", "messages"],
    ["skyrl.parquet", "--format", "skyrl"],
  ])("%s is read back as it was", async (name, ...flags) => {
    const path = await exported(name, ...flags);
    // A row without a single tag comes back without spans.
    expect(await readBack(path)).toEqual(rows);
  });

  test("their form is the trainers'", async () => {
    const [trl] = await readLines(await exported("form.jsonl", "--format", "trl"));
    expect(trl).toMatchObject({
      prompt: [{ role: "user" }],
      completion: [{ role: "assistant" }],
      id: rows[0]?.id,
    });
    const content = (trl as { completion: { content: string }[] }).completion[0]?.content ?? "";
    expect(content.startsWith("<think>\n")).toBe(true);
    expect(content.match(/<bigmodel>/gu)?.length).toBe(rows[0]?.spans?.length);
    const [skyrl] = await readLines(await exported("form2.jsonl", "--format", "skyrl"));
    expect(skyrl).toMatchObject({ messages: [{ role: "user" }, { role: "assistant", content }] });
  });
});

describe("texts and tokens", () => {
  test("rendered: prompt and completion joined are what the model sees, thoughts included", async () => {
    const made = await readLines(await exported("r1.jsonl", "--format", "trl", "--template", "deepseek-r1"));
    expect(made[0]?.["prompt"]).toBe(
      `<｜begin▁of▁sentence｜><｜User｜>${rows[0]?.problem}<｜Assistant｜><think>\n`,
    );
    expect(made.at(-1)?.["completion"]).toBe("2</think>\n\\boxed{2}<｜end▁of▁sentence｜>");
  });

  test.each([
    ["trl", "completion_mask", 1],
    ["skyrl", "loss_mask", 0],
  ] as const)(
    "%s: ids and mask are those of train sft, with the text of spans weighing %s %d",
    async (format, mask, spanWeight) => {
      const path = await exported(
        `${format}.tokens.jsonl`,
        "--format",
        format,
        "--tokenizer",
        MICRO,
        "--span-loss",
        String(spanWeight),
      );
      const { tokenizer, chatTemplate, endOfTurn } = await loadTokenizer(MICRO);
      const template = new ChatTemplate(chatTemplate ?? "");
      const made = await readLines(path);
      expect(made).toHaveLength(rows.length);
      for (const [index, row] of rows.entries()) {
        const datum = traceRowDatum(tokenizer, row, {
          prompt: (problem) => template.render([{ role: "user", content: problem }], { openThinking: true }),
          endOfTurn: endOfTurn ?? "",
          spanWeight,
        });
        const ids = made[index]?.["input_ids"] as number[];
        const learnt = made[index]?.[mask] as number[];
        expect(ids).toEqual([...datum.tokens.slice(0, 1), ...datum.targets]);
        expect(learnt.slice(1)).toEqual(datum.weights);
        expect(learnt[0]).toBe(0);
      }
    },
  );
});

describe("problems for reinforcement learning", () => {
  test("each problem once; for SkyRL those with an answer", async () => {
    const twice = join(folder, "twice.jsonl");
    await writeFile(
      twice,
      [...rows, { ...rows[0], id: "again" }].map((row) => `${JSON.stringify(row)}\n`).join(""),
    );
    const out = join(folder, "rl.parquet");
    const call = await callCli([
      "data",
      "export",
      twice,
      "--format",
      "skyrl",
      "--task",
      "rl",
      "--env-class",
      "gsm8k",
      "--out",
      out,
      "--json",
    ]);
    expect(JSON.parse(call.out)).toMatchObject({ rows: 13, leftOut: 2 });
    const [python] = await readByPython(out);
    expect(python?.rows[0]).toEqual({
      data_source: rows[0]?.source,
      prompt: [{ role: "user", content: rows[0]?.problem }],
      env_class: "gsm8k",
      reward_spec: { method: "rule", ground_truth: rows[0]?.answer },
      extra_info: { id: rows[0]?.id },
    });
    const [trl] = await readLines(await exported("rl.jsonl", "--format", "trl", "--task", "rl"));
    expect(trl).toEqual({
      prompt: [{ role: "user", content: rows[0]?.problem }],
      answer: rows[0]?.answer,
      id: rows[0]?.id,
      source: rows[0]?.source,
    });
  });
});

test("pyarrow and datasets read every parquet file, and see what is in it", async () => {
  const own = join(folder, "own.parquet");
  const many = Array.from(
    { length: 1200 },
    (_, index) => ({ ...rows[index % rows.length], id: `${index}` }) as TraceRow,
  );
  const { gap } = sampleTraces(3, 4);
  await writeRows(
    await openRowWriter(own, TRACE_COLUMNS),
    (async function* () {
      yield* gap;
      yield* many;
    })(),
  );
  const trl = await exported("py.parquet", "--format", "trl");
  const tokens = await exported("tokens.parquet", "--format", "skyrl", "--tokenizer", MICRO);
  const [python, chat, ids] = await readByPython(own, trl, tokens);
  expect([python?.same, chat?.same, ids?.same]).toEqual([true, true, true]);
  expect(python?.rowGroups).toBe(2);
  expect(python?.schema).toMatchObject({
    trace: "string",
    spans: "list<element: struct<start: int32, end: int32, score: double, edits: int32>>",
    scores: "struct<offsets: list<element: int32>, gap: list<element: double>>",
    correct: "bool",
  });
  expect(python?.rows).toHaveLength(1203);
  expect(python?.rows.slice(0, 3).map(({ id, scores, trace }) => ({ id, scores, trace }))).toEqual(
    gap.map(({ id, scores, trace }) => ({ id, scores, trace })),
  );
  expect(python?.rows.slice(3).map(({ trace }) => trace)).toEqual(many.map(({ trace }) => trace));
  expect(chat?.schema["prompt"]).toBe("list<element: struct<role: string, content: string>>");
  expect(ids?.schema).toMatchObject({ input_ids: "list<element: int32>", loss_mask: "list<element: int32>" });
  expect(
    ids?.rows.every((row) => (row["input_ids"] as number[]).length === (row["loss_mask"] as number[]).length),
  ).toBe(true);
});

test("flags that contradict one another are a wrong call", async () => {
  for (const flags of [
    ["--format", "skyrl", "--template", "chatml"],
    ["--format", "trl", "--span-loss", "0"],
    ["--format", "trl", "--task", "rl", "--template", "chatml"],
    ["--format", "trl", "--template", "plain"],
    ["--format", "trl", "--to", "jsonl", "--out", "x.parquet"],
    ["--format", "other"],
  ]) {
    const { status } = await callCli(["data", "export", file, ...flags]);
    expect(status, flags.join(" ")).toBe(2);
  }
});
