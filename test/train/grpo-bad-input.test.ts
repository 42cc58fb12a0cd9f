/**
 * Wrong input to `train grpo`, and models that fail in the middle: each gives a clear message, and nothing is trained on unfinished work.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { EngineError } from "../../src/core/errors.ts";
import { learned, SplitDecoder } from "../../src/decode/index.ts";
import { MICRO_PAIR } from "../../src/decode/pair/pair-config.ts";
import { Pair } from "../../src/decode/pair/pair.ts";
import type { Engine, Sequence } from "../../src/engines/engine.ts";
import { reinforce, reinforceConfigSchema } from "../../src/recipes/reinforce/index.ts";
import { microProblems } from "../../src/recipes/reinforce/problems.ts";
import { loadTrainingConfig } from "../../src/recipes/supervised/index.ts";
import { tokenId } from "../../src/core/ids.ts";
import { rollOut } from "../../src/train/grpo/rollout.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-bad-input-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SMALL = join("models", "micro", "small");

/** The shipped small model with one marker of its vocabulary under another name. */
function renamed(marker: string, name: string): string {
  const copy = join(folder, name);
  cpSync(SMALL, copy, { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    const path = join(copy, file);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(marker, "<|renamed|>"));
  }
  return copy;
}

const run = (more: Record<string, unknown>, out = "run") =>
  reinforce(
    reinforceConfigSchema.parse({ model: SMALL, big: "micro:big", grpo: { steps: 1 }, ...more }),
    join(folder, out),
    {},
  );

describe("train grpo refuses, before it writes anything,", () => {
  it("a reward that does not exist, and lists those that do", async () => {
    await expect(run({ reward: "kindness" })).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringMatching(/"kindness".*paper, cost, relay, latency/),
    });
  });

  it("a loss that does not exist, and lists those that do", async () => {
    const path = join(folder, "config.json");
    writeFileSync(
      path,
      JSON.stringify({ model: SMALL, big: "micro:big", grpo: { loss: { name: "hinge" } } }),
    );
    await expect(loadTrainingConfig(reinforceConfigSchema, path, {})).rejects.toMatchObject({
      code: "config-invalid",
      message: expect.stringMatching(/config.json, field grpo.loss.name.*importance_sampling.*ppo.*cispo/),
    });
  });

  it("a model without tags", async () => {
    await expect(run({ model: renamed("<bigmodel>", "untagged") })).rejects.toMatchObject({
      code: "pair-mismatch",
      message: expect.stringMatching(/<bigmodel>: no control token of .*untagged's vocabulary; .*add-tags/),
    });
  });

  it("a pair without one vocabulary", async () => {
    await expect(run({ model: renamed("<|endoftext|>", "foreign") })).rejects.toMatchObject({
      code: "pair-mismatch",
      message: expect.stringMatching(/micro:big has another vocabulary than .*foreign/),
    });
  });

  it("a folder that is no model", async () => {
    await expect(run({ model: join(folder, "nothing") })).rejects.toMatchObject({ code: "file-missing" });
  });

  afterAll(() => expect(existsSync(join(folder, "run"))).toBe(false));
});

describe("an engine that dies in mid-rollout", () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.open(MICRO_PAIR, { threads: 1, sequences: 8 });
  });
  afterAll(() => pair.close());

  /** The engine, of which the sequences opened `from` the first to the `to`-th die after two tokens. */
  function dying(engine: Engine, from: number, to: number): Engine {
    let opened = 0;
    return {
      model: engine.model,
      vocabulary: engine.vocabulary,
      capabilities: engine.capabilities,
      open: async (options, signal) => {
        const sequence = await engine.open(options, signal);
        const number = opened++;
        return number < from || number >= to ? sequence : dyingSequence(sequence);
      },
      countTokens: (pieces) => engine.countTokens(pieces),
      close: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  function dyingSequence(sequence: Sequence): Sequence {
    return new Proxy(sequence, {
      get: (target, property) => {
        if (property === "generate") {
          return async function* (...call: Parameters<Sequence["generate"]>) {
            let left = 2;
            for await (const event of target.generate(...call)) {
              if (left-- === 0) throw new EngineError("it died", { code: "engine-failed" });
              yield event;
            }
          };
        }
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  const roll = (engines: { readonly small: Engine; readonly big: Engine }) =>
    rollOut(microProblems(pair, 1).training(0, 2), {
      decoders: [new SplitDecoder(engines)],
      policy: learned(),
      ids: { open: tokenId(0), close: tokenId(1), endOfTurn: tokenId(2) },
      groupSize: 4,
      maxTokens: 320,
      seed: 1,
      concurrency: 4,
    });

  it.each(["small", "big"] as const)("is a failed rollout; the others are made: %s", async (which) => {
    const whole = await roll(pair.both);
    const groups = await roll({ ...pair.both, [which]: dying(pair.both[which], 2, 4) });
    const failed = groups.flatMap((group) => group.failed);
    expect(failed).toHaveLength(2);
    for (const { error } of failed) expect(error).toContain("it died");
    // Those that did not meet it are what they would have been.
    const texts = (of: typeof groups) =>
      new Map(
        of.flatMap(({ rollouts }) => rollouts.map(({ seed, result }) => [seed, result.taggedText] as const)),
      );
    const made = texts(groups);
    expect(made.size).toBe(6);
    for (const [seed, text] of made) expect(text).toBe(texts(whole).get(seed));
  });
});
