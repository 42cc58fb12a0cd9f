import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import {
  calibrationPath,
  furtherDial,
  readCalibration,
  withMeasuredLengths,
  withShare,
  writeCalibration,
} from "./calibration-file.ts";
import { dialSchema } from "../dial/dial.ts";
import { MICRO_PAIR, type PairConfig } from "./pair-config.ts";

describe("withShare", () => {
  let folder = "";
  let small = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "splitreason-share-"));
    await cp(join("models", "micro", "small", "model.gguf"), join(folder, "model.gguf"));
    small = `gguf:${join(folder, "model.gguf")}`;
  });
  afterAll(() => rm(folder, { recursive: true }));

  const pairWith = (dial: object): PairConfig => ({ ...MICRO_PAIR, small, dial: dialSchema.parse(dial) });
  const measured = async (dial?: Record<string, number>): Promise<void> => {
    const shipped = await readCalibration(calibrationPath("micro:small") ?? "");
    await writeCalibration(join(folder, "calibration.json"), {
      ...shipped,
      ...(dial === undefined ? {} : { dial }),
    });
  };

  it("takes the setting from a table that was measured without limits, whatever the limits now", async () => {
    await measured();
    const { dial } = await withShare(pairWith({ budget: 0.1 }), 0.03);
    expect(dial.bias).toBeLessThan(0);
    expect(dial.budget).toBe(0.1);
  });

  it("refuses a table that was measured under limits which are not set now", async () => {
    await measured({ budget: 0.05, maxSegmentTokens: 4 });
    await expect(withShare(pairWith({}), 0.03)).rejects.toThrow(
      /measured with the dial at \{"budget":0.05,"maxSegmentTokens":4\}, and is asked for one at \{\}: set the same/,
    );
    const { dial } = await withShare(pairWith({ budget: 0.05, maxSegmentTokens: 4 }), 0.03);
    expect(dial.bias).toBeLessThan(0);
  });

  it("says how to measure this very pair, and never another", async () => {
    const away = { ...MICRO_PAIR, small: "openai:http://h:1/v1#small?dialect=vllm" };
    await expect(withShare(away, 0.03)).rejects.toThrow(
      "splitreason calibrate --target-share 0.03 --small 'openai:http://h:1/v1#small?dialect=vllm' --big micro:big " +
        "--out calibration.json, then give --calibration calibration.json.",
    );
    await rm(join(folder, "calibration.json"));
    await expect(withShare(pairWith({}), 0.03)).rejects.toThrow(
      `splitreason calibrate --target-share 0.03 --small ${small} --big micro:big.`,
    );
    await expect(withShare(pairWith({}), 0.03, "--pair mine.json")).rejects.toThrow(
      "splitreason calibrate --target-share 0.03 --pair mine.json.",
    );
    const named = { ...away, calibration: join(folder, "none.json") };
    await expect(withShare(named, 0.03)).rejects.toThrow(`--big micro:big --out ${named.calibration}.`);
  });

  it("takes the table that the pair names; a model on a server is its spec", async () => {
    const shipped = await readCalibration(calibrationPath("micro:small") ?? "");
    const calibration = join(folder, "elsewhere.json");
    const spec = "openai:http://h:1/v1#small?dialect=vllm";
    await writeCalibration(calibration, { ...shipped, small: { spec } });
    const away = { ...MICRO_PAIR, small: spec, calibration };
    expect((await withShare(away, 0.03)).dial.bias).toBeLessThan(0);
    await expect(withShare({ ...away, small: `${spec}&probe=every` }, 0.03)).rejects.toThrow(
      "made for another small model",
    );
    await expect(withShare({ ...MICRO_PAIR, calibration }, 0.03)).rejects.toThrow(
      "made for another small model",
    );
  });

  it("counts neither defaults nor what a calibration finds among the limits", () => {
    expect(furtherDial(pairWith({ bias: 2, reject: 0.5, budget: 1 }))).toEqual({});
    expect(furtherDial(pairWith({ maxSegments: 3, budget: 0.2 }))).toEqual({ budget: 0.2, maxSegments: 3 });
  });
});

describe("withMeasuredLengths", () => {
  const lengthsOf = async (changes: Partial<PairConfig>) =>
    (await withMeasuredLengths({ ...MICRO_PAIR, ...changes })).options.expected;

  it("takes the lengths of the calibration beside the small model", async () => {
    const { expected } = await readCalibration(calibrationPath("micro:small") ?? "");
    expect(expected?.tokens).toBeGreaterThan(100);
    expect(await lengthsOf({})).toEqual(expected);
  });

  it("leaves a pair that names them, and one whose calibration cannot be had, as it is", async () => {
    const own = { tokens: 900, spanTokens: 30 };
    expect(await lengthsOf({ options: { ...MICRO_PAIR.options, expected: own } })).toEqual(own);
    for (const small of [
      "micro:small-base",
      "gguf:missing.gguf",
      "of-a-test:small",
      "openai:http://h:1/v1#m",
    ])
      expect(await lengthsOf({ small })).toEqual(MICRO_PAIR.options.expected);
  });
});
