import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { withMeasuredLengths } from "../../decode/pair/calibration-file.ts";
import { MICRO_PAIR } from "../../decode/pair/pair-config.ts";
import { pairConfigFrom, policyFrom, requireHonouredFlags, withWantedShare } from "./settings.ts";

const flags = { pair: "micro", seed: 1 };

describe("pairConfigFrom", () => {
  it("is the pair's own where no flag says otherwise", async () => {
    expect(await pairConfigFrom(flags)).toEqual(await withMeasuredLengths(MICRO_PAIR));
  });

  it("lets flags have the last word, field by field", async () => {
    const config = await pairConfigFrom({
      ...flags,
      big: "gguf:big.gguf",
      bias: 2,
      budget: 0.1,
      temperature: 0.7,
      maxTokens: 99,
    });
    expect(config).toEqual({
      ...(await withMeasuredLengths(MICRO_PAIR)),
      // What was found out for the pair's own models.
      policies: {},
      big: "gguf:big.gguf",
      dial: { ...MICRO_PAIR.dial, bias: 2, budget: 0.1 },
      sampling: { temperature: 0.7 },
      maxTokens: 99,
    });
  });

  it("takes a calibration for the models it was named with", async () => {
    const base = { ...MICRO_PAIR, calibration: "own.json" };
    expect((await pairConfigFrom({}, base)).calibration).toBe("own.json");
    expect((await pairConfigFrom({ small: "gguf:other.gguf" }, base)).calibration).toBeUndefined();
    expect((await pairConfigFrom({ calibration: "given.json" }, base)).calibration).toBe("given.json");
  });

  it("does not take the pair's base for the base of another small model", async () => {
    const other = await pairConfigFrom({ ...flags, small: "gguf:other.gguf" });
    expect(other.smallBase).toBeUndefined();
    const named = await pairConfigFrom({ ...flags, small: "gguf:other.gguf", smallBase: "gguf:base.gguf" });
    expect(named.smallBase).toBe("gguf:base.gguf");
  });
});

describe("policyFrom", () => {
  it("is the pair's policy with its options, or the flag's with none", () => {
    expect(policyFrom({}, MICRO_PAIR).name).toBe("learned");
    const random = { ...MICRO_PAIR, policy: "random", policyOptions: { share: 0.3, chunk: 4 } };
    expect(policyFrom({ policy: "never" }, random).name).toBe("never");
    expect(policyFrom({ share: 0.5 }, random).name).toBe("random");
  });

  it("takes options from the name, then from the pair", () => {
    expect(policyFrom({ policy: "entropy:threshold=2" }, MICRO_PAIR).name).toBe("entropy");
    expect(() => policyFrom({ policy: "entropy:treshold=2" }, MICRO_PAIR)).toThrow(/entropy.*treshold/u);
    const wrong = { ...MICRO_PAIR, policies: { cue: { tokens: 0 } } };
    expect(() => policyFrom({ policy: "cue" }, wrong)).toThrow('policy "cue", option "tokens"');
    expect(policyFrom({ policy: "cue:tokens=3" }, wrong).name).toBe("cue");
  });

  it("refuses a share where there is none to set, and policies it does not know", () => {
    expect(() => policyFrom({ policy: "never", share: 0.5 }, MICRO_PAIR)).toThrow(
      "--share 0.5 is for --policy learned or random",
    );
    expect(() => policyFrom({ policy: "often", share: 0.5 }, MICRO_PAIR)).toThrow('unknown policy "often"');
    expect(() => policyFrom({}, { ...MICRO_PAIR, policyOptions: { share: 1 } })).toThrow("learned");
  });
});

describe("a dial that changes nothing", () => {
  it.each([
    ["always", { budget: 0.05 }, "--budget 0.05: the policy always cannot honour it"],
    ["always", { bias: 2 }, "--bias 2: the policy always cannot honour it"],
    ["random:share=0.1", { bias: 2 }, "--bias 2: the policy random cannot honour it"],
  ])("is refused: %s with %j", (policy, dial, message) => {
    expect(() => policyFrom({ policy, ...dial }, MICRO_PAIR)).toThrow(message);
    expect(() => policyFrom(dial, { ...MICRO_PAIR, policy })).toThrow(message);
  });

  it("is none where the policy keeps it, or where it asks for nothing", () => {
    expect(policyFrom({ policy: "random", budget: 0.05 }, MICRO_PAIR).name).toBe("random");
    expect(policyFrom({ policy: "always", budget: 1, bias: 0 }, MICRO_PAIR).name).toBe("always");
    // What the pair says of the dial is about its own policy.
    const biased = { ...MICRO_PAIR, dial: { ...MICRO_PAIR.dial, bias: 2 } };
    expect(policyFrom({ policy: "always" }, biased).name).toBe("always");
  });

  it("is none among several policies of which one keeps it", () => {
    expect(() => requireHonouredFlags(["learned", "always"], { bias: 1, budget: 0.1 })).not.toThrow();
    expect(() => requireHonouredFlags(["random", "always"], { bias: 1 })).toThrow(
      "--bias 1: none of random, always can honour it",
    );
  });
});

describe("withWantedShare", () => {
  const folder = mkdtempSync(join(tmpdir(), "splitreason-share-"));
  const small = join(folder, "model.gguf");
  const config = { ...MICRO_PAIR, small: `gguf:${small}` };
  const calibration = (digest: string) => ({
    format: "splitreason-calibration-2",
    small: { spec: config.small, digest },
    big: { spec: "micro:big" },
    task: { name: "micro", version: "1", problems: 100 },
    seed: 1,
    temperature: 0,
    git: null,
    points: [
      { bias: -4, reject: 0, share: 0.02, shareCi95: [0.01, 0.03], accuracy: 0.3, ci95: [0.2, 0.4] },
      { bias: 0, reject: 0, share: 0.05, shareCi95: [0.04, 0.06], accuracy: 0.8, ci95: [0.7, 0.9] },
    ],
  });
  const write = (digest: string) =>
    writeFileSync(join(folder, "calibration.json"), JSON.stringify(calibration(digest)));
  const digest = createHash("sha256").update("model").digest("hex");
  beforeAll(() => writeFileSync(small, "model"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is the dial at the measured points", async () => {
    write(digest);
    expect((await withWantedShare(config, { share: 0.035 })).dial).toMatchObject({
      bias: expect.closeTo(-2),
      reject: 0,
    });
    expect((await withWantedShare(config, { share: 0.01 })).dial).toMatchObject({
      bias: -4,
      reject: expect.closeTo(0.5),
    });
    const other = { ...config, big: "openai:http://localhost:1/v1#big" };
    await expect(withWantedShare(other, { share: 0.03 })).rejects.toThrow(/made with another big model/);
    expect(await withWantedShare(config, {})).toBe(config);
    expect(await withWantedShare(config, { share: 0.03, policy: "random" })).toBe(config);
  });

  it("refuses what was not measured, or not for this model, and two biases", async () => {
    write("0".repeat(64));
    await expect(withWantedShare(config, { share: 0.03 })).rejects.toThrow(/made for another small model/);
    write(digest);
    await expect(withWantedShare(config, { share: 0.5 })).rejects.toThrow(
      /50.0% is more than was measured .*up to 5.0%/,
    );
    await expect(withWantedShare(config, { share: 0.03, bias: 1 })).rejects.toThrow(/both set the bias/);
    rmSync(join(folder, "calibration.json"));
    await expect(withWantedShare(config, { share: 0.03 })).rejects.toThrow(/there is no .*calibration.json/);
  });
});
