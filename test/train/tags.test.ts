/** Tags that a model has already: a vocabulary without <bigmodel> is tuned, served and trained further with two other control tokens. */
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { microExample } from "../../src/micro/index.ts";
import { loadTokenizer } from "../../src/tokenizer/index.ts";
import { callCli } from "../support/terminal.ts";
import { serveGateway } from "../support/gateway/served-gateway.ts";

const TAGS = "<|box_start|>,<|box_end|>";
const PAIR = { open: "<|box_start|>", close: "<|box_end|>" };
const TIMEOUT_MS = 600_000;

let folder: string;
const path = (...names: string[]): string => join(folder, ...names);
const gguf = (name: string): string => `gguf:${path(name, "model", "model.gguf")}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "splitreason-tags-"));
  const model = { hiddenSize: 16, layers: 1, heads: 2, keyValueHeads: 1, headSize: 8, intermediateSize: 32 };
  writeFileSync(
    path("shape.json"),
    JSON.stringify({
      model: { ...model, maxPositions: 512 },
      data: "micro:24",
      rows: 4,
      heldOut: 4,
      tags: PAIR,
    }),
  );
  const rows = Array.from({ length: 8 }, (_, index) => {
    const { problem, text, trace } = microExample("train", 1, index);
    return { id: problem.id, problem: text, trace: trace.text, spans: [{ start: 4, end: 12 }] };
  });
  writeFileSync(path("annotated.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  for (const [name, seed] of [
    ["small", "1"],
    ["big", "2"],
  ] as const) {
    const call = ["train", "pretrain", "--config", path("shape.json"), "--steps", "3", "--seed", seed];
    const made = await callCli([...call, "--threads", "1", "--out", path(name)]);
    expect(made.status, made.log).toBe(0);
  }
}, TIMEOUT_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

const sft = (...more: readonly string[]) => {
  const call = ["train", "sft", "--model", path("small", "model"), "--data", path("annotated.jsonl")];
  return callCli([...call, "--steps", "3", "--rows", "4", "--threads", "1", ...more]);
};
const solve = (...more: readonly string[]) => {
  const call = ["solve", "Start with 347.", "--small", gguf("tuned"), "--big", gguf("big"), "--bias", "20"];
  return callCli([...call, "--max-tokens", "24", "--threads", "1", "--json", ...more]);
};

it(
  "the vocabulary has these tags and no others, and training begins with them only",
  { timeout: TIMEOUT_MS },
  async () => {
    const { tokenizer } = await loadTokenizer(path("small", "model"));
    expect(tokenizer.controlId("<bigmodel>")).toBeUndefined();
    const refused = await sft("--out", path("refused"));
    expect(refused).toMatchObject({ status: 2, out: "" });
    expect(refused.log).toContain("<bigmodel> and </bigmodel>: no control tokens of");
    expect(refused.log).toContain(`--tags '${TAGS}'`);
    const tuned = await sft("--tags", TAGS, "--out", path("tuned"));
    expect(tuned.status, tuned.log).toBe(0);
  },
);

it("solve hands over at them, and refuses the pair without them", { timeout: TIMEOUT_MS }, async () => {
  const solved = await solve("--tags", TAGS);
  expect(solved.status, solved.log).toBe(0);
  const { usage, segments, text } = JSON.parse(solved.out);
  expect(usage.switches).toBeGreaterThan(0);
  expect(segments.map(({ author }: { readonly author: string }) => author)).toContain("big");
  expect(text).not.toContain("box_");
  const refused = await solve();
  expect(refused).toMatchObject({ status: 2, out: "" });
  expect(refused.log).toContain(`--tags '${TAGS}'`);
});

it.each([
  ["<|box_start|>,<|box_start|>", "two different control tokens"],
  ["<|box_start|>", "two different control tokens"],
  ["<|im_end|>,<|box_end|>", "<|im_end|> has another role"],
  ["<|box_start|>,box", "box: no control token of"],
])("refuses the tags %s", async (tags, message) => {
  const result = await solve("--tags", tags);
  expect(result).toMatchObject({ status: 2, out: "" });
  expect(result.log).toContain(message);
});

it("a pair file names them for the gateway, which shows neither tag", { timeout: TIMEOUT_MS }, async () => {
  const pair = {
    small: gguf("tuned"),
    big: gguf("big"),
    tags: PAIR,
    openThinking: "if-token" as const,
    sampling: { temperature: 0 },
    dial: { bias: 20 },
  };
  await using gateway = await serveGateway({
    pair,
    limits: { concurrent: 1, choices: 1 },
    reasoning: "inline",
  });
  const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "splitreason",
      messages: [{ role: "user", content: "Start with 347." }],
      max_tokens: 24,
      splitreason: { authors: true },
    }),
  });
  const body = (await answer.json()) as {
    readonly splitreason: { readonly segments: readonly { readonly author: string }[] };
  };
  expect(body.splitreason.segments.map(({ author }) => author)).toContain("big");
  expect(JSON.stringify(body)).not.toContain("box_");
});

it("reinforcement learning asks with them too", { timeout: TIMEOUT_MS }, async () => {
  writeFileSync(
    path("grpo.json"),
    JSON.stringify({
      model: path("tuned", "model"),
      big: gguf("big"),
      tags: PAIR,
      heldOut: 1,
      grpo: {
        steps: 1,
        problems: 1,
        members: 2,
        maxTokens: 24,
        concurrency: 2,
        evaluateEvery: 5,
        truncation: "score",
        exploration: { bias: 20, share: 1 },
      },
    }),
  );
  const run = await callCli(["train", "grpo", "--config", path("grpo.json"), "--out", path("grpo")]);
  expect(run.status, run.log).toBe(0);
  const metrics = await readFile(path("grpo", "metrics.jsonl"), "utf8");
  const step = metrics.split("\n").find((line) => line.includes('"type":"step"')) ?? "{}";
  expect(JSON.parse(step).opensPerRollout).toBeGreaterThan(0);
  // The big model wrote in the rollouts, and neither tag is in their texts.
  const kept = readFileSync(path("grpo", "rollouts.jsonl"), "utf8");
  expect(kept).toContain('"author":"big"');
  expect(kept).not.toContain("box_");
});
