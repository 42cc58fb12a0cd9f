/** The whole pipeline from random weights to a published pair, with models that have barely begun to learn. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { collect, learned, SplitDecoder } from "../../src/decode/index.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import { traceRowSchema } from "../../src/formats/trace-row.ts";
import { microExample } from "../../src/micro/index.ts";
import { promptPieces } from "../../src/recipes/micro/corpus.ts";
import {
  buildMicroPair,
  fastBuild,
  type MicroBuildConfig,
  type MicroBuildOptions,
} from "../../src/recipes/micro/index.ts";
import { importHuggingFace } from "../../src/train/export/index.ts";

const full = fastBuild(1);
/** A few steps of each stage. */
const config: MicroBuildConfig = {
  ...full,
  small: { ...full.small, training: { ...full.small.training, steps: 6 } },
  big: { ...full.big, training: { ...full.big.training, steps: 4 } },
  skillProblems: 1,
  learning: {
    ...full.learning,
    annotation: { traces: 6, share: 0.2, minimumGap: 0 },
    tuning: {
      ...full.learning.tuning,
      rows: 2,
      training: { ...full.learning.tuning.training, steps: 4 },
    },
    reinforcement: {
      ...full.learning.reinforcement,
      heldOut: 2,
      grpo: { ...full.learning.reinforcement.grpo, problems: 1, members: 2, maxTokens: 24 },
    },
  },
};
const MODELS = ["big", "small", "small-base"];

describe("buildMicroPair", () => {
  let folder = "";
  // Three short builds; on a busy machine most of the time goes into loading.
  const timeoutMs = 300_000;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "splitreason-build-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const build = (name: string, changes: Partial<MicroBuildOptions> = {}) =>
    buildMicroPair({
      config,
      out: join(folder, name, "models"),
      work: join(folder, name, "work"),
      threads: 2,
      provenance: { git: null, machine: { processor: "test", cores: 2, node: "20", platform: "test" } },
      ...changes,
    });

  const modelBytes = async (name: string) =>
    Promise.all(MODELS.map((model) => readFile(join(folder, name, "models", model, "model.gguf"))));

  it(
    "publishes three models with cards, which load and decode together",
    async () => {
      const result = await build("whole");
      expect(result?.parameters.small).toBeGreaterThan(100_000);
      const models = join(folder, "whole", "models");
      expect((await readdir(models)).sort()).toEqual(["big", "build.json", "small", "small-base"]);
      for (const model of MODELS) {
        const card = await readFile(join(models, model, "README.md"), "utf8");
        expect(card).toContain(model === "small" ? "micro learn --seed 1" : "micro build --seed 1");
        expect(card).not.toContain("undefined");
        const imported = await importHuggingFace(join(models, model));
        expect(imported.config.hiddenSize).toBe(
          model === "big" ? config.big.hiddenSize : config.small.hiddenSize,
        );
      }
      const lines = (await readFile(join(folder, "whole", "work", "annotated.jsonl"), "utf8"))
        .trimEnd()
        .split("\n");
      const rows = lines.map((line) => traceRowSchema.parse(JSON.parse(line)));
      expect(rows).toHaveLength(config.learning.annotation.traces);
      const record: unknown = JSON.parse(await readFile(join(models, "small", "learn.json"), "utf8"));
      expect(record).toMatchObject({
        annotation: { spans: rows.flatMap(({ spans }) => spans ?? []).length },
        config: { reinforcement: { reward: { name: "cost" } } },
        best: { scores: { share: expect.any(Number) } },
      });

      await using small = await openEngine(`gguf:${join(models, "small", "model.gguf")}`, { threads: 1 });
      await using big = await openEngine(`gguf:${join(models, "big", "model.gguf")}`, { threads: 1 });
      const stream = new SplitDecoder({ small, big }).decode({
        prompt: promptPieces(microExample("test", 1, 0).text),
        policy: learned(),
        limits: { maxTokens: 40 },
        sampling: { temperature: 0, seed: 1 },
        dial: { bias: 20 },
      });
      const solved = await collect(stream);
      expect(solved.usage.smallTokens + solved.usage.bigTokens).toBe(40);
      expect(solved.usage.switches).toBeGreaterThan(0);
    },
    timeoutMs,
  );

  it(
    "gives the same bytes again, also when it was interrupted in the middle",
    async () => {
      const controller = new AbortController();
      const stopped = await build("parts", {
        signal: controller.signal,
        onStep: (model, { step }) => {
          if (model === "big" && step === 2) controller.abort();
        },
      });
      expect(stopped).toBeUndefined();
      expect(await readdir(join(folder, "parts"))).toEqual(["work"]);
      await build("parts");
      expect(await modelBytes("parts")).toEqual(await modelBytes("whole"));
    },
    timeoutMs,
  );

  it("refuses to go on in a work folder of another configuration", async () => {
    await expect(build("parts", { config: { ...config, seed: 2 } })).rejects.toThrow(/another configuration/);
  });
});
