/** Adapters from the command line: `train sft` learns one, survives a kill, and `train grpo` continues from it over the same base. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it, vi } from "vitest";

import { runCliProcess } from "../support/cli.ts";

vi.setConfig({ testTimeout: 600_000 });

const BASE = join("models", "micro", "small");
const folder = mkdtempSync(join(tmpdir(), "splitreason-lora-"));
const data = join(folder, "rows.jsonl");
const configFile = join(folder, "sft.json");
const lora = { rank: 4, alpha: 8, targets: "all-linear" };

beforeAll(() => {
  const rows = Array.from({ length: 12 }, (_, index) => ({
    prompt: `What is the colour of number ${index}?`,
    completion: `It is ${["red", "green", "blue"][index % 3]}, as all of its kind are.`,
  }));
  writeFileSync(data, rows.map((row) => JSON.stringify(row)).join("\n"));
  const training = { steps: 60, learningRate: 1e-2, warmupSteps: 2, checkpointEvery: 5, logEvery: 1 };
  writeFileSync(
    configFile,
    JSON.stringify({ model: join(process.cwd(), BASE), data, rows: 4, heldOut: 0, lora, training }),
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sft = (name: string, poll?: (kill: (signal: NodeJS.Signals) => void) => Promise<void>) =>
  runCliProcess(["train", "sft", "--config", configFile, "--out", join(folder, name)], {
    timeoutMs: 300_000,
    ...(poll === undefined ? {} : { poll }),
  });
const adapterOf = (name: string) => readFileSync(join(folder, name, "model", "adapter_model.safetensors"));
const lossesOf = (name: string): number[] =>
  readFileSync(join(folder, name, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; loss: number })
    .filter(({ type }) => type === "step")
    .map(({ loss }) => loss);

it("learns an adapter, and after a kill continues to the same bytes", async () => {
  const whole = await sft("whole");
  expect(whole.log + whole.out).toContain("adapter");
  expect(whole.status).toBe(0);
  const losses = lossesOf("whole");
  expect(losses).toHaveLength(60);
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 3);

  const killed = await sft("killed", async (kill) => {
    if (existsSync(join(folder, "killed", "state.json"))) kill("SIGKILL");
  });
  expect(killed.signal).toBe("SIGKILL");
  expect(existsSync(join(folder, "killed", "model"))).toBe(false);
  // What is saved is the adapter and its moments, and nothing of the base.
  const checkpoint = readdirSync(join(folder, "killed")).find((name) => name.startsWith("checkpoint-")) ?? "";
  const saved = readFileSync(join(folder, "killed", checkpoint, "checkpoint.safetensors")).byteLength;
  expect(saved).toBeLessThan(3 * adapterOf("whole").byteLength + 10_000);
  expect((await sft("killed")).status).toBe(0);
  expect(adapterOf("killed")).toEqual(adapterOf("whole"));
  expect(lossesOf("killed")).toEqual(losses);
});

it("continues by reinforcement, with the adapter in its rollouts", async () => {
  const config = join(folder, "grpo.json");
  const grpo = { steps: 2, problems: 2, members: 4, maxTokens: 48, evaluateEvery: 2, warmupSteps: 0 };
  const start = join(folder, "whole", "model");
  writeFileSync(
    config,
    JSON.stringify({
      // The same base, read from its other file.
      model: join(process.cwd(), BASE, "model.gguf"),
      data: "micro",
      heldOut: 4,
      lora: { ...lora, start },
      grpo,
    }),
  );
  const out = join(folder, "grpo");
  const run = await runCliProcess(["train", "grpo", "--config", config, "--big", "micro:big", "--out", out], {
    timeoutMs: 300_000,
  });
  expect(run.log).not.toMatch(/splitreason: /u);
  expect(run.status).toBe(0);
  const steps = readFileSync(join(out, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; samplerGap?: number; klToStart?: number })
    .filter(({ type }) => type === "step");
  expect(steps).toHaveLength(2);
  // What the engine sampled with is what the trainer computes, and the reference is the adapter that the run began with.
  for (const { samplerGap } of steps) expect(samplerGap ?? Infinity).toBeLessThan(1e-3);
  expect(steps[0]?.klToStart).toBeLessThan(1e-5);
  expect(readdirSync(join(out, "best"))).toEqual(
    expect.arrayContaining(["adapter.gguf", "adapter_config.json", "adapter_model.safetensors"]),
  );

  const other = await runCliProcess(
    [
      "solve",
      "1 + 1",
      "--small",
      `micro:small-base?lora=${join(out, "best", "adapter.gguf")}`,
      "--policy",
      "never",
    ],
    { timeoutMs: 120_000 },
  );
  expect(other.status).toBe(1);
  expect(other.log).toMatch(/is not a LoRA adapter for .*small-base.*made for another model/u);
});
