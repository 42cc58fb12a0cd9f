import { describe, expect, it } from "vitest";

import { MICRO_PAIR } from "../decode/pair-config.ts";
import { pairConfigFrom, policyFrom } from "./settings.ts";

const flags = { pair: "micro", seed: 1 };

describe("pairConfigFrom", () => {
  it("is the pair's own where no flag says otherwise", async () => {
    expect(await pairConfigFrom(flags)).toEqual(MICRO_PAIR);
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
      ...MICRO_PAIR,
      big: "gguf:big.gguf",
      dial: { ...MICRO_PAIR.dial, bias: 2, budget: 0.1 },
      sampling: { temperature: 0.7 },
      maxTokens: 99,
    });
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

  it("refuses a share where there is none to set, and policies it does not know", () => {
    expect(() => policyFrom({ share: 0.5 }, MICRO_PAIR)).toThrow("--share 0.5 is for --policy random");
    expect(() => policyFrom({ policy: "often", share: 0.5 }, MICRO_PAIR)).toThrow('unknown policy "often"');
    expect(() => policyFrom({}, { ...MICRO_PAIR, policyOptions: { share: 1 } })).toThrow("learned");
  });
});
