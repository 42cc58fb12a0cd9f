/** The way from nothing to a tuned model by the commands that its help texts give, in small. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { callCli } from "../../../test/support/terminal.ts";
import { toJsonLines } from "../../core/json-lines.ts";
import { microExample } from "../../micro/index.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-train-"));
const path = (...parts: string[]): string => join(folder, ...parts);
const TIMEOUT_MS = 180_000;

beforeAll(() => {
  const model = { hiddenSize: 16, layers: 1, heads: 2, keyValueHeads: 1, headSize: 8, intermediateSize: 32 };
  writeFileSync(path("shape.json"), JSON.stringify({ model, data: "micro:24", rows: 4, heldOut: 4 }));
  const rows = Array.from({ length: 8 }, (_, index) => {
    const { problem, text, trace } = microExample("train", 5, index);
    return { id: problem.id, problem: text, trace: trace.text };
  });
  writeFileSync(path("traces.jsonl"), toJsonLines(rows));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it(
  "trains from nothing, annotates with the result, fine-tunes on that, and solves with what comes out",
  { timeout: TIMEOUT_MS },
  async () => {
    const pretrain = (name: string, seed: string): string[] => [
      "train",
      "pretrain",
      "--config",
      path("shape.json"),
      "--steps",
      "4",
      "--seed",
      seed,
      "--threads",
      "1",
      "--out",
      path(name),
      "--json",
    ];
    for (const [name, seed] of [
      ["small", "1"],
      ["big", "2"],
    ] as const) {
      const result = await callCli(pretrain(name, seed));
      expect(result.status, result.log).toBe(0);
      expect(JSON.parse(result.out)).toMatchObject({ status: "done", step: 4, steps: 4 });
      expect(result.log).toMatch(/24 examples, 4 steps/u);
    }
    expect(await readdir(path("small", "model"))).toEqual(
      expect.arrayContaining(["model.gguf", "model.safetensors", "config.json", "tokenizer.json"]),
    );

    const specs = [
      "--small",
      `gguf:${path("small", "model", "model.gguf")}`,
      "--big",
      `gguf:${path("big", "model", "model.gguf")}`,
    ];
    const annotated = await callCli([
      "data",
      "annotate",
      path("traces.jsonl"),
      "--out",
      path("annotated.jsonl"),
      "--share",
      "0.2",
      "--minimum-gap",
      "0",
      "--threads",
      "1",
      "--json",
      ...specs,
    ]);
    expect(annotated.status, annotated.log).toBe(0);
    expect(JSON.parse(annotated.out)).toMatchObject({ rows: 8, out: path("annotated.jsonl") });
    expect(JSON.parse(annotated.out).spans).toBeGreaterThan(0);

    const tuned = await callCli([
      "train",
      "sft",
      "--model",
      path("small", "model"),
      "--data",
      path("annotated.jsonl"),
      "--steps",
      "3",
      "--rows",
      "4",
      "--threads",
      "1",
      "--out",
      path("tuned"),
    ]);
    expect(tuned.status, tuned.log).toBe(0);
    expect(tuned.out).toContain("trained for 3 steps");
    const metrics = await readFile(path("tuned", "metrics.jsonl"), "utf8");
    expect(metrics).toContain('"heldOutLoss"');

    const solved = await callCli([
      "solve",
      "Start with 347.",
      "--small",
      `gguf:${path("tuned", "model", "model.gguf")}`,
      ...specs.slice(2),
      "--bias",
      "20",
      "--max-tokens",
      "24",
      "--threads",
      "1",
      "--json",
    ]);
    expect(solved.status, solved.log).toBe(0);
    expect(JSON.parse(solved.out).usage.switches).toBeGreaterThan(0);
  },
);

it("stops when asked to and continues with the same call", { timeout: TIMEOUT_MS }, async () => {
  const call = [
    "train",
    "pretrain",
    "--config",
    path("shape.json"),
    "--steps",
    "3",
    "--threads",
    "1",
    "--out",
    path("stopped"),
    "--json",
  ];
  const stopped = await callCli(call, { signal: AbortSignal.abort(new Error("now")) });
  expect(stopped).toMatchObject({ status: 130, out: "" });
  expect(stopped.log).toContain("stopped at step 0 of 3; the same command continues");
  expect(await callCli(call)).toMatchObject({ status: 0 });
  const again = await callCli(call);
  expect(JSON.parse(again.out)).toMatchObject({ status: "done", step: 3 });
  const other = await callCli([...call, "--seed", "9"]);
  expect(other).toMatchObject({ status: 2, out: "" });
  expect(other.log).toContain("another configuration");
});

it.each([
  [["--data", "x.jsonl"], 1, "x.jsonl: no such file"],
  [["--learning-rate", "2"], 2, "from 0 to 1"],
  [["--config", "nowhere.json"], 1, "nowhere.json: no such file"],
])("refuses %j", async (flags, status, message) => {
  const call = ["train", "pretrain", "--config", path("shape.json"), "--out", path("refused"), ...flags];
  const result = await callCli(call);
  expect(result).toMatchObject({ status, out: "" });
  expect(result.log).toContain(message);
  expect(await readdir(folder)).not.toContain("refused");
});

it("says which field of a configuration is wrong", async () => {
  writeFileSync(
    path("wrong.json"),
    JSON.stringify({ model: { hiddenSize: 16 }, data: "micro", learningrate: 1 }),
  );
  const result = await callCli([
    "train",
    "pretrain",
    "--config",
    path("wrong.json"),
    "--out",
    path("refused"),
  ]);
  expect(result).toMatchObject({ status: 2, out: "" });
  // What is not known comes before what is missing.
  expect(result.log).toMatch(
    /wrong\.json: there is no field "learningrate"; there are data, .*training, model/u,
  );
});

it.each<[string, readonly string[], string]>([
  [
    "a missing model",
    ["train", "grpo", "--big", "micro:big"],
    "field model: it is missing. Give --model FOLDER, or set it in --config FILE.",
  ],
  ["a missing big model", ["train", "grpo", "--model", "m"], "field big: it is missing. Give --big SPEC"],
  ["missing data", ["train", "sft", "--model", "m"], "field data: it is missing. Give --data FILE"],
  [
    "steps and epochs",
    ["train", "sft", "--model", "m", "--data", "d", "--steps", "1", "--epochs", "2"],
    "cannot be used with option '--epochs",
  ],
])("refuses %s", async (_, call, message) => {
  const result = await callCli([...call, "--out", path("refused")]);
  expect(result).toMatchObject({ status: 2, out: "" });
  expect(result.log).toContain(message);
});
