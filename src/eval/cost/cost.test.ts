import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { createRng } from "../../core/rng.ts";
import type { EngineWorkCounts, RowFigures } from "../row.ts";
import { computeOf, parseParameters, sizeFromFile } from "./compute.ts";
import { billedTokens, costOf } from "./dollars.ts";
import { loadRates, pricesFor } from "./prices.ts";

const NONE: EngineWorkCounts = { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 };
const small: EngineWorkCounts = { prefilled: 1000, scored: 200, decoded: 3000, calls: 9, discarded: 0 };
const big: EngineWorkCounts = {
  prefilled: 4000,
  scored: 0,
  decoded: 250,
  calls: 4,
  discarded: 50,
  sent: 9000,
};

const row = (work: RowFigures["work"], correct: boolean, problemId = "p"): RowFigures => ({
  problemId,
  arm: "learned",
  sample: 0,
  seed: 1,
  answer: "1",
  correct,
  finishReason: "end-of-turn",
  usage: {
    promptTokens: 100,
    smallTokens: 2900,
    bigTokens: 200,
    tagTokens: 2,
    discardedTokens: 50,
    switches: 1,
    offloadShare: 0.06,
  },
  handoffsMs: [],
  wallMs: 1,
  digest: "",
  ...(work === undefined ? {} : { work }),
});

const prices = {
  small: { prompt: 0.1, completion: 0.4 },
  big: { prompt: 2, cachedPrompt: 0.5, completion: 8 },
};

describe("dollars", () => {
  it("charge what was read once, what was sent again, and every draw", () => {
    expect(billedTokens(small)).toEqual({ prompt: 1200, cachedPrompt: 0, completion: 3000 });
    expect(billedTokens(big)).toEqual({ prompt: 4000, cachedPrompt: 5000, completion: 250 });
  });

  it("equal the sum worked out by hand", () => {
    const rowsPS = [
      [row({ small, big }, true)],
      [row({ small, big: NONE }, false, "q")],
      [row(undefined, false, "r")],
    ];
    const cost = costOf(rowsPS, prices, createRng(1));
    // Small: 1200 x .1 + 3000 x .4, twice. Big: 4000 x 2 + 5000 x .5 + 250 x 8, once. For a million.
    const [bySmall, byBig] = [2 * 0.00132, 0.0125];
    expect(cost?.total).toBeCloseTo(bySmall + byBig, 12);
    expect(cost?.perSample).toBeCloseTo((bySmall + byBig) / 2, 12);
    expect(cost?.perRight).toBeCloseTo(bySmall + byBig, 12);
    expect(cost?.big).toEqual({ prompt: 0.008, cachedPrompt: 0.0025, completion: 0.002 });
    expect(cost?.unpriced).toBe(1);
    expect(cost?.ci95[0]).toBeCloseTo(0.00132, 12);
    expect(cost?.ci95[1]).toBeCloseTo(0.00132 + 0.0125, 12);
  });

  it("are not known where nothing is, and have no price for each right answer where none is right", () => {
    expect(costOf([[row(undefined, false)]], prices, createRng(1))).toBeUndefined();
    expect(costOf([[row({ small, big }, false)]], prices, createRng(1))?.perRight).toBeNull();
  });
});

describe("a price table", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "splitreason-prices-"));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const load = async (text: string) => {
    const path = join(folder, "prices.yaml");
    await writeFile(path, text);
    return loadRates(path);
  };
  const specs = { small: "micro:small", big: "micro:big", smallBase: "micro:small-base" };

  it("is read from YAML, by author or by model", async () => {
    const rates = await load(
      "models:\n  small: {prompt: 1, completion: 2}\n  'micro:small-base': {prompt: 3, completion: 4}\n  big: {prompt: 5, completion: 6}\n",
    );
    expect(pricesFor(rates, specs, "tuned")?.small.prompt).toBe(1);
    expect(pricesFor(rates, specs, "base")?.small.prompt).toBe(3);
    expect(pricesFor(rates, specs, "base")?.big?.completion).toBe(6);
    expect(pricesFor(await load("joulesPerFlop: 1.0e-11"), specs, "tuned")).toBeUndefined();
  });

  it.each([
    ["models: {small: {prompt: -1, completion: 2}}", "field models.small.prompt"],
    ["models: {small: {prompt: .inf, completion: 2}}", "field models.small.prompt"],
    ["models: {small: {prompt: 1}}", "field models.small.completion"],
    ["models: {small: {prompt: 1, completion: 2, input: 3}}", "input"],
    ["price: 3", "price"],
    ["- 3", "price table"],
    ["{", "neither YAML nor JSON"],
    ["joulesPerFlop: 0", "field joulesPerFlop"],
  ])("is refused when it is %s", async (text, message) => {
    await expect(load(text)).rejects.toThrow(message);
  });

  it("is refused when a model has no price or a price has no model", async () => {
    const onlySmall = await load("models: {small: {prompt: 1, completion: 2}}");
    expect(() => pricesFor(onlySmall, specs, "tuned")).toThrow("no price for big (micro:big)");
    expect(pricesFor(onlySmall, { small: "micro:small" }, "tuned")?.big).toBeUndefined();
    const typo = await load("models: {smal: {prompt: 1, completion: 2}}");
    expect(() => pricesFor(typo, specs, "tuned")).toThrow('"smal", which is no model of this evaluation');
    await expect(loadRates(join(folder, "none.yaml"))).rejects.toThrow("no such file");
  });
});

describe("arithmetic", () => {
  it("is two operations for each weight and each token that passes through the model", () => {
    const sizes = {
      small: { parameters: 1100, perToken: 1000, source: "given" },
      big: { parameters: 10_000, perToken: 10_000, source: "given" },
    } as const;
    const compute = computeOf([row({ small, big }, true), row(undefined, false)], sizes, 0.5);
    expect(compute).toEqual({
      smallFlops: 2 * 1000 * 4200,
      bigFlops: 2 * 10_000 * 4250,
      flopsPerSample: 8_400_000 + 85_000_000,
      joules: 46_700_000,
      joulesPerSample: 46_700_000,
    });
    // A model that did nothing need not be known; one that did must.
    expect(computeOf([row({ small, big: NONE }, true)], { small: sizes.small })?.bigFlops).toBe(0);
    expect(computeOf([row({ small, big }, true)], { small: sizes.small })).toBeUndefined();
  });

  it("takes sizes from model files, or as they are given", () => {
    expect(sizeFromFile("micro:small")).toEqual({ parameters: 132_480, perToken: 132_480, source: "file" });
    expect(sizeFromFile("openai:http://127.0.0.1:1/v1#m?dialect=vllm")).toBeUndefined();
    expect(parseParameters("small=1.5e9, big=32e9")).toEqual({
      small: { parameters: 1.5e9, perToken: 1.5e9, source: "given" },
      big: { parameters: 32e9, perToken: 32e9, source: "given" },
    });
    for (const wrong of ["", "small", "small=", "small=x", "huge=1e9", "small=0", "big=1e30"]) {
      expect(() => parseParameters(wrong)).toThrow("give small=1.5e9,big=32e9, or one of the two");
    }
  });
});
