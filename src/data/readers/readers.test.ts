import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parquetWriteFile } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { DataError } from "../../core/errors.ts";
import { parseSource } from "../files/source.ts";
import { readOutcomes, readTraces, type ReadTracesOptions } from "./read-traces.ts";
import type { ReadOutcome } from "./rows.ts";
import { jsonLineRecords } from "./json-lines.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "readers-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const write = async (name: string, text: string | Uint8Array): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};
const lines = (rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}
const traces = (path: string, options?: ReadTracesOptions) => all(readTraces(path, options));

/** Two problems in the shape of OpenR1-Math-220k: missing verdicts are null, as the data set has them. */
const openR1 = [
  {
    problem: "1+1?",
    solution: "It is 2.",
    answer: "2",
    problem_type: "Algebra",
    source: "olympiads",
    uuid: "u1",
    is_reasoning_complete: [true, true, false],
    generations: [
      "<think>\nthree</think>\n\\boxed{3}",
      "<think>\ntwo</think>\n\\boxed{2}",
      "<think>\ncut off",
    ],
    correctness_math_verify: [false, true, true],
    correctness_llama: null,
    finish_reasons: null,
    correctness_count: 2,
    messages: [
      { role: "user", content: "1+1?" },
      { role: "assistant", content: "<think>\ntwo</think>\n\\boxed{2}" },
    ],
  },
  {
    problem: "Prove it.",
    solution: "Obvious.",
    answer: "proof",
    problem_type: "Logic",
    source: "aops_forum",
    uuid: "u2",
    is_reasoning_complete: [true],
    generations: ["<think>\nhm</think>\ndone"],
    correctness_math_verify: [false],
    correctness_llama: [false],
    finish_reasons: ["stop"],
    correctness_count: 0,
    messages: null,
  },
];

describe("where rows are", () => {
  test("sources", () => {
    expect(parseSource("a/b.JSONL")).toEqual({ kind: "file", path: "a/b.JSONL", format: "jsonl" });
    expect(parseSource("x.parquet")).toEqual({ kind: "file", path: "x.parquet", format: "parquet" });
    expect(parseSource("data")).toEqual({ kind: "folder", path: "data" });
    expect(parseSource("hf:o/n")).toEqual({ kind: "hub", repo: "o/n" });
    expect(parseSource("hf:open-r1/OpenR1-Math-220k@v1.0/default:train")).toEqual({
      kind: "hub",
      repo: "open-r1/OpenR1-Math-220k",
      revision: "v1.0",
      config: "default",
      split: "train",
    });
    expect(parseSource("hf:o/n:test")).toEqual({ kind: "hub", repo: "o/n", split: "test" });
    for (const wrong of ["hf:", "hf:name", "hf:o/n/", "hf:o/n/a/b", "hf:../..:x y"]) {
      expect(() => parseSource(wrong), wrong).toThrow(/names no data set/u);
    }
  });

  test("what is not there is named", async () => {
    await expect(traces(join(folder, "no.jsonl"))).rejects.toThrow(/no\.jsonl: no such file/u);
    await expect(traces(join(folder, "nowhere"))).rejects.toThrow(/nowhere: no such file/u);
    await mkdir(join(folder, "empty"));
    await expect(traces(join(folder, "empty"))).rejects.toThrow(/no \.parquet and no \.jsonl files/u);
    await expect(traces(await write("rows.csv", "a,b"))).rejects.toThrow(/neither/u);
  });
});

describe("JSON Lines", () => {
  test("lines are the same however the bytes are cut", async () => {
    const text = '{"a":"é🙂"}\n\n{"b":2}\r\n  \nnot json\n{"c":3}';
    const bytes = Buffer.from(text);
    const inChunks = async (size: number) =>
      all(
        jsonLineRecords(
          (async function* () {
            for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
          })(),
          "f",
        ),
      );
    const whole = await inChunks(1000);
    expect(whole.map(({ place }) => place)).toEqual(["f:1", "f:3", "f:5", "f:6"]);
    expect(whole[0]?.content).toEqual({ value: { a: "é🙂" } });
    expect(whole[2]?.content).toHaveProperty("fault");
    for (const size of [1, 2, 3, 7]) expect(await inChunks(size)).toEqual(whole);
  });

  test("bytes that are no UTF-8 are a fault, not another text", async () => {
    const path = await write("latin.jsonl", Buffer.from([0x22, 0xe9, 0x22, 0x0a]));
    await expect(traces(path)).rejects.toThrow(/latin\.jsonl:1 cannot be used: not valid UTF-8/u);
  });

  test("a row that cannot be used stops the reading, or is told to who asked", async () => {
    const path = await write(
      "mixed.jsonl",
      lines([
        { id: "a", problem: "p", trace: "t" },
        { id: "b", problem: 1, trace: "t" },
      ]),
    );
    await expect(traces(path)).rejects.toThrow(/mixed\.jsonl:2 cannot be used: field problem: /u);
    const skipped: string[] = [];
    const rows = await traces(path, { onSkip: ({ place, reason }) => skipped.push(`${place} ${reason}`) });
    expect(rows).toEqual([{ id: "a", problem: "p", trace: "t" }]);
    expect(skipped).toEqual([`${path}:2 invalid`]);
  });

  test("a limit, and a signal", async () => {
    const path = await write(
      "ten.jsonl",
      lines(Array.from({ length: 10 }, (_, id) => ({ id: `${id}`, problem: "p", trace: "t" }))),
    );
    expect((await traces(path, { limit: 3 })).map(({ id }) => id)).toEqual(["0", "1", "2"]);
    expect(await traces(path, { limit: 0 })).toEqual([]);
    await expect(traces(path, { signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
  });
});

describe("forms of rows", () => {
  test("tags become spans; a trace with both, or with tags that do not pair, is at fault", async () => {
    const path = await write(
      "tags.jsonl",
      lines([
        { id: "a", problem: "p", trace: "x <bigmodel>y</bigmodel> z" },
        { id: "b", problem: "p", trace: "x <bigmodel>y z" },
        { id: "c", problem: "p", trace: "x </bigmodel>", spans: [{ start: 0, end: 1 }] },
      ]),
    );
    const outcomes = await all(readOutcomes(path));
    expect(outcomes[0]).toMatchObject({ row: { trace: "x y z", spans: [{ start: 2, end: 3 }] }, faults: [] });
    expect(outcomes[1]).toMatchObject({ faults: [{ kind: "unclosed-open", position: 2 }] });
    expect(outcomes[2]).toMatchObject({ faults: [{ kind: "tags-beside-spans", position: 2 }] });
    await expect(traces(path)).rejects.toThrow(/row b \(unclosed-open at offset 2\)/u);
  });

  test("conversations and completions", async () => {
    const text = "<think>\nwhy <bigmodel>hard</bigmodel></think>\n4";
    const path = await write(
      "chats.jsonl",
      lines([
        { prompt: "q", completion: text },
        {
          prompt: [
            { role: "system", content: "s" },
            { role: "user", content: "q" },
          ],
          completion: [{ role: "assistant", content: text }],
          id: "own",
        },
        {
          messages: [
            { role: "user", content: "q" },
            { role: "assistant", content: text },
          ],
          answer: "4",
          source: "s",
        },
      ]),
    );
    const [first, second, third] = await traces(path);
    expect(first).toMatchObject({
      problem: "q",
      trace: "why hard</think>\n4",
      spans: [{ start: 4, end: 8 }],
    });
    expect(second).toMatchObject({ id: "own", problem: "q", trace: "why hard</think>\n4" });
    expect(third).toMatchObject({ id: first?.id, answer: "4", source: "s" });
    expect(first?.id).toMatch(/^[\da-f]{16}$/u);
    const turns = await write(
      "turns.jsonl",
      lines([
        {
          messages: [
            { role: "user", content: "a" },
            { role: "assistant", content: "b" },
            { role: "user", content: "c" },
          ],
        },
      ]),
    );
    await expect(traces(turns)).rejects.toThrow(/not user, assistant, user/u);
  });
});

describe("OpenR1-Math-220k, as JSON Lines and as parquet", () => {
  const parquetPath = async (): Promise<string> => {
    const path = join(folder, "open-r1.parquet");
    const names = ["problem", "solution", "answer", "problem_type", "source", "uuid"] as const;
    const lists = [
      "is_reasoning_complete",
      "generations",
      "correctness_math_verify",
      "correctness_llama",
      "finish_reasons",
    ] as const;
    const list = (name: string, type: "BOOLEAN" | "BYTE_ARRAY") => [
      { name, repetition_type: "OPTIONAL" as const, num_children: 1, converted_type: "LIST" as const },
      { name: "list", repetition_type: "REPEATED" as const, num_children: 1 },
      {
        name: "element",
        repetition_type: "OPTIONAL" as const,
        type,
        ...(type === "BYTE_ARRAY" ? { converted_type: "UTF8" as const } : {}),
      },
    ];
    parquetWriteFile({
      filename: path,
      schema: [
        { name: "root", num_children: names.length + lists.length },
        ...names.map((name) => ({
          name,
          type: "BYTE_ARRAY" as const,
          converted_type: "UTF8" as const,
          repetition_type: "OPTIONAL" as const,
        })),
        ...lists.flatMap((name) =>
          list(name, name === "generations" || name === "finish_reasons" ? "BYTE_ARRAY" : "BOOLEAN"),
        ),
      ],
      columnData: [...names, ...lists].map((name) => ({ name, data: openR1.map((row) => row[name]) })),
      rowGroupSize: 1,
    });
    return path;
  };

  test("the first correct generation is the trace, and its id says which it is", async () => {
    const skipped: ReadOutcome[] = [];
    const fromLines = await traces(await write("open-r1.jsonl", lines(openR1)), {
      onSkip: (each) => skipped.push(each),
    });
    expect(fromLines).toEqual([
      {
        id: "u1:1",
        problem: "1+1?",
        trace: "two</think>\n\\boxed{2}",
        answer: "2",
        source: "olympiads",
        solution: "It is 2.",
        correct: true,
      },
    ]);
    expect(skipped).toMatchObject([{ reason: "no-correct-generation" }]);
    expect(await traces(await parquetPath(), { onSkip: () => {} })).toEqual(fromLines);
  });

  test("other choices", async () => {
    const path = await parquetPath();
    const ids = async (generation: "first" | "all" | "all-correct") =>
      (await traces(path, { generation, onSkip: () => {} })).map(({ id, correct }) => `${id} ${correct}`);
    expect(await ids("first")).toEqual(["u1:0 false", "u2:0 false"]);
    expect(await ids("all")).toEqual(["u1:0 false", "u1:1 true", "u1:2 false", "u2:0 false"]);
    expect(await ids("all-correct")).toEqual(["u1:1 true"]);
  });

  test("a folder is read in the order of its names", async () => {
    const inside = join(folder, "many");
    await mkdir(inside);
    for (const name of ["b.jsonl", "a.jsonl"]) {
      await writeFile(join(inside, name), lines([{ id: name, problem: "p", trace: "t" }]));
    }
    await writeFile(join(inside, "README.md"), "no rows");
    const seen: number[] = [];
    const rows = await traces(inside, { onProgress: (done, total) => seen.push(done / total) });
    expect(rows.map(({ id }) => id)).toEqual(["a.jsonl", "b.jsonl"]);
    expect(seen.at(-1)).toBe(1);
  });

  test("a broken parquet file is said to be one", async () => {
    await expect(traces(await write("broken.parquet", Buffer.alloc(100, 1)))).rejects.toThrow(DataError);
    await expect(traces(await write("empty.parquet", ""))).rejects.toThrow(
      /empty\.parquet cannot be read as parquet/u,
    );
    const path = join(folder, "other.parquet");
    parquetWriteFile({ filename: path, columnData: [{ name: "x", data: ["a"] }] });
    await expect(traces(path)).rejects.toThrow(/has none of the columns/u);
  });
});
