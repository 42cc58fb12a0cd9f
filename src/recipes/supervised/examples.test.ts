import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { toJsonLines } from "../../core/json-lines.ts";
import { openRowWriter } from "../../data/writers/row-writer.ts";
import { TRACE_COLUMNS } from "../../data/writers/parquet-schema.ts";
import { microExample } from "../../micro/index.ts";
import { OFFLOAD_TAGS } from "../../tags/index.ts";
import { BUILT_IN_TEMPLATES, loadTokenizer } from "../../tokenizer/index.ts";
import { loadTrainingConfig } from "../trainer/config-file.ts";
import { sftConfigSchema } from "./config.ts";
import { openSource, readExamples } from "./examples.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-examples-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const traces = Array.from({ length: 6 }, (_, index) => {
  const { problem, text, trace } = microExample("train", 3, index);
  return { id: problem.id, problem: text, trace: trace.text, spans: [{ start: 2, end: 9 }] };
});

async function examplesOf(path: string, heldOut = 2, openThinking?: boolean) {
  const { tokenizer } = await loadTokenizer(join("models", "micro", "small"));
  return readExamples(openSource(path, { heldOut, seed: 1 }), heldOut, tokenizer, {
    template: BUILT_IN_TEMPLATES.chatml,
    openThinking,
    endOfTurn: "<|im_end|>",
    spanWeight: 1,
    tags: OFFLOAD_TAGS,
    model: "models/micro/small",
  });
}

it("has the same examples from JSON Lines and from parquet, and holds out the last ones", async () => {
  const [lines, parquet] = [join(folder, "traces.jsonl"), join(folder, "traces.parquet")];
  await writeFile(lines, toJsonLines(traces));
  const writer = await openRowWriter(parquet, TRACE_COLUMNS);
  for (const row of traces) await writer.write(row);
  await writer.close();
  const [one, other] = [await examplesOf(lines), await examplesOf(parquet)];
  expect(other).toMatchObject({ training: [0, 1, 2, 3], heldOut: [4, 5], skipped: 0 });
  expect(other.examples.digestOf(other.training)).toBe(one.examples.digestOf(one.training));
  expect(other.examples.digestOf(other.heldOut)).toBe(one.examples.digestOf(one.heldOut));
});

it("counts problems none of whose traces is known to be correct", async () => {
  const path = join(folder, "generations.jsonl");
  const rows = [true, false].map((correct) => ({
    problem: "2+2?",
    generations: ["<think>\n4</think> 4"],
    correctness_math_verify: [correct],
  }));
  await writeFile(path, toJsonLines(rows));
  expect(await examplesOf(path, 0)).toMatchObject({ training: [0], heldOut: [], skipped: 1 });
});

it("opens a thought where the trace closes one, unless the configuration says", async () => {
  const path = join(folder, "thoughts.jsonl");
  await writeFile(
    path,
    toJsonLines([
      { id: "a", problem: "2+2?", trace: "4</think> 4" },
      { id: "b", problem: "2+2?", trace: "4 is 4" },
    ]),
  );
  const lengths = async (openThinking?: boolean) => {
    const { examples } = await examplesOf(path, 0, openThinking);
    return [0, 1].map((index) => examples.at(index).weights.filter((weight) => weight === 0).length);
  };
  const [own, always, never] = [await lengths(), await lengths(true), await lengths(false)];
  expect(always.map((tokens, index) => tokens - (never[index] ?? 0))).toEqual([2, 2]);
  expect(own).toEqual([always[0], never[1]]);
});

it("takes a data set on the hub for no path, whatever folder the configuration is in", async () => {
  const path = join(folder, "sft.json");
  await writeFile(path, JSON.stringify({ model: "model", data: "hf:open-r1/OpenR1-Math-220k" }));
  expect(await loadTrainingConfig(sftConfigSchema, path, {})).toMatchObject({
    model: join(folder, "model"),
    data: "hf:open-r1/OpenR1-Math-220k",
  });
});
