/**
 * One adapter in four programs: the trainer that made it, transformers with PEFT, llama.cpp with a LoRA file, and the merged model. What they
 * say about the next tokens is the same.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { tokenId, type TokenId } from "../../src/core/ids.ts";
import { textPiece } from "../../src/core/piece.ts";
import { createRng } from "../../src/core/rng.ts";
import { openEngine } from "../../src/engines/open/open-engine.ts";
import {
  ADAPTER_GGUF,
  adapterOutlets,
  fingerprintOf,
  GGUF_FILE,
  importGguf,
  importHuggingFace,
  importPeft,
  modelExporter,
} from "../../src/train/export/index.ts";
import type { ArchitectureName } from "../../src/train/model/architectures/index.ts";
import { parseDecoderConfig } from "../../src/train/model/config.ts";
import { loraConfigSchema } from "../../src/train/model/lora-config.ts";
import { adapterPairs, adapterSize } from "../../src/train/model/adapter.ts";
import { parameterSpecs } from "../../src/train/model/parameters.ts";
import type { Datum } from "../../src/train/trainer.ts";
import { LoraTrainer } from "../../src/train/trainers/embedded/lora-trainer.ts";
import { ENVIRONMENT_TIMEOUT_MS, preparePython, runPython } from "./environment.ts";

vi.setConfig({ testTimeout: 300_000 });

const QWEN3 = join("models", "micro", "small");
const TOLERANCE = 1e-3;

let folder = "";

/** A tiny model of random weights, biases too, as a folder with its GGUF. */
async function writeModel(path: string, architecture: ArchitectureName): Promise<void> {
  const { tokenizer } = (await importHuggingFace(QWEN3)).tokenizer!;
  const config = parseDecoderConfig({
    vocabularySize: tokenizer.size,
    hiddenSize: 64,
    layers: 2,
    heads: 4,
    keyValueHeads: 2,
    headSize: 16,
    intermediateSize: 96,
    architecture,
    ropeTheta: 50_000,
    maxPositions: 128,
  });
  const rng = createRng(9);
  const weights = new Map(
    parameterSpecs(config).map(({ name, shape, size }) => {
      const draw = (): number => {
        if (name.endsWith(".bias")) return rng.normal();
        return shape.length === 1 ? 1 + 0.2 * rng.normal() : (1.5 * rng.normal()) / Math.sqrt(shape[1] ?? 1);
      };
      return [name, { shape, data: Float32Array.from({ length: size }, draw) }];
    }),
  );
  const tokenizerOfModel = {
    vocabulary: tokenizer.contents,
    endOfTurn: "<|im_end|>",
    padding: "<|endoftext|>",
  };
  await modelExporter(tokenizerOfModel, "tiny")(path, config, weights);
}

beforeAll(async () => {
  await preparePython();
  folder = await mkdtemp(join(tmpdir(), "adapters-"));
  await writeModel(join(folder, "qwen2"), "qwen2");
  await writeModel(join(folder, "llama"), "llama");
}, ENVIRONMENT_TIMEOUT_MS);
afterAll(async () => {
  if (folder !== "") await rm(folder, { recursive: true });
});

/** log P(next token) at each position but the last. */
const following = (logits: readonly (readonly number[])[], ids: readonly TokenId[]): number[] =>
  ids.slice(1).map((next, index) => {
    const row = logits[index] ?? [];
    const top = Math.max(...row);
    return (row[next] ?? NaN) - top - Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
  });

const datumOf = (ids: readonly TokenId[]): Datum => ({
  tokens: ids.slice(0, -1),
  targets: ids.slice(1),
  weights: ids.slice(1).map(() => 1),
});

function expectClose(left: readonly number[], right: readonly number[], tolerance = TOLERANCE): void {
  expect(left.length).toBe(right.length);
  const differences = left.map((value, index) => Math.abs(value - (right[index] ?? NaN)));
  expect(Math.max(...differences)).toBeLessThan(tolerance);
}

describe.each([
  ["qwen3", "all-linear" as const],
  ["qwen3", ["q_proj", "v_proj"] as const],
  ["qwen2", "all-linear" as const],
  ["llama", "all-linear" as const],
])("an adapter of %s, %j", (architecture, targets) => {
  it("is the same in the trainer, in PEFT, in llama.cpp, and merged", async () => {
    const BASE = architecture === "qwen3" ? QWEN3 : join(folder, architecture);
    const { config, weights, tokenizer: loaded } = await importHuggingFace(BASE);
    // The same model, read from its other file.
    const { tokenizer: _, ...other } = importGguf(join(BASE, GGUF_FILE));
    expect(other.weights).toEqual(weights);
    expect({ ...other.config, rmsEpsilon: config.rmsEpsilon }).toEqual(config);
    const { tokenizer } = loaded!;
    const lora = loraConfigSchema.parse({ rank: 4, alpha: 12, targets, exports: ["peft", "gguf", "merged"] });
    const size = adapterSize(adapterPairs(config, lora));
    const rng = createRng(3);
    const start = Float32Array.from({ length: size }, () => 0.1 * rng.normal());
    const base = fingerprintOf(config, weights);
    const trainer = new LoraTrainer({
      config,
      weights,
      adapter: lora,
      base,
      start,
      rowLength: 64,
      ...adapterOutlets(
        {
          source: BASE,
          config,
          weights,
          tokenizer: { vocabulary: tokenizer.contents, endOfTurn: "<|im_end|>", padding: "<|endoftext|>" },
        },
        { name: "tiny", rowLength: 64, concurrency: 1, exports: lora.exports },
      ),
    });
    const path = join(folder, [architecture, ...lora.targets].join("-"));
    await trainer.export(path);
    expect(await importPeft(path, config, lora, base)).toEqual(start);

    const text = "Start with 12. First, we multiply by 34: 12 times 34 is 408.";
    const ids = tokenizer.encode([textPiece(text)]).map((id) => tokenId(id));
    const [ours = new Float32Array()] = (await trainer.forward([datumOf(ids)])).logprobs;
    const fresh = {
      config,
      weights,
      adapter: lora,
      base,
      start: { seed: 1 },
      rowLength: 64,
      exporter: () => Promise.resolve(),
    };
    const untrained = new LoraTrainer(fresh);
    const [plain = new Float32Array()] = (await untrained.forward([datumOf(ids)])).logprobs;
    // An adapter that changes nothing would agree with everything.
    expect(Math.max(...ours.map((value, index) => Math.abs(value - (plain[index] ?? NaN))))).toBeGreaterThan(
      0.5,
    );

    const python = async (request: object): Promise<number[][]> =>
      ((await runPython("adapter_logits.py", { ...request, tokens: [ids] })) as { logits: number[][][] })
        .logits[0] ?? [];
    expectClose(following(await python({ base: BASE, adapter: path }), ids), [...ours]);

    const scored = async (spec: string): Promise<number[]> => {
      await using engine = await openEngine(spec, {
        threads: 1,
        contextSize: 128,
        sequences: 1,
        exact: true,
      });
      await using sequence = await engine.open();
      const outcome = await sequence.score([textPiece(text)], { watch: [], tokenLogprobs: true });
      if (outcome.status !== "ok") throw new Error("full");
      expect(outcome.entries.map(({ id }) => id)).toEqual(ids);
      return outcome.entries.slice(1).map(({ tokenLogprob }) => tokenLogprob ?? NaN);
    };
    expectClose(await scored(`gguf:${join(BASE, GGUF_FILE)}?lora=${join(path, ADAPTER_GGUF)}`), [...ours]);
    // Merged, it is written as F16.
    expectClose(await scored(`gguf:${join(path, "merged", GGUF_FILE)}`), [...ours], 0.05);
    const { weights: whole } = await importHuggingFace(join(path, "merged"));
    const merged = new LoraTrainer({ ...fresh, weights: whole });
    const [together = new Float32Array()] = (await merged.forward([datumOf(ids)])).logprobs;
    expectClose([...together], [...ours]);
    await merged.close();
    await using rollouts = await trainer.sampler();
    expect(rollouts.vocabulary).toBe(tokenizer.vocabulary);
    await trainer.close();
    await untrained.close();
  });
});
