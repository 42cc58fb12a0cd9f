import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { loadPairConfig, MICRO_PAIR } from "./pair-config.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-pair-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function pairFile(content: unknown): string {
  const path = join(folder, "pair.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

describe("loadPairConfig", () => {
  it("knows the shipped pair by its name", async () => {
    expect(await loadPairConfig("micro")).toBe(MICRO_PAIR);
    expect(MICRO_PAIR).toMatchObject({
      small: "micro:small",
      big: "micro:big",
      smallBase: "micro:small-base",
    });
  });

  it("fills defaults in, and starts relative paths at the file's folder", async () => {
    const path = pairFile({
      small: "gguf:models/small.gguf",
      big: "gguf:/srv/big.gguf",
      smallBase: "micro:small-base",
    });
    expect(await loadPairConfig(path)).toMatchObject({
      small: `gguf:${join(folder, "models", "small.gguf")}`,
      big: "gguf:/srv/big.gguf",
      smallBase: "micro:small-base",
      policy: "learned",
      sampling: { temperature: 0.6 },
      dial: { bias: 0, budget: 1 },
      openThinking: false,
    });
  });

  it("leaves specs of models elsewhere as they are", async () => {
    const path = pairFile({ small: "gguf:hf:owner/repo:Q4_K_M", big: "micro:big" });
    expect(await loadPairConfig(path)).toMatchObject({
      small: "gguf:hf:owner/repo:Q4_K_M",
      big: "micro:big",
    });
  });

  it.each([
    ["{", "is not valid JSON"],
    [{ small: "micro:small" }, "field big"],
    [{ small: "micro:small", big: "micro:big", dial: { budget: 3 } }, "field dial.budget"],
    [
      { small: "micro:small", big: "micro:big", threads: 3 },
      'there is no field "threads"; there are small, big,',
    ],
    [{ small: "micro:small", bgi: "micro:big" }, 'there is no field "bgi"'],
    [
      { small: "micro:small", big: "micro:big", policy: "always", dial: { budget: 0.1 } },
      "field dial: the policy always cannot honour budget 0.1",
    ],
    [[], "pair.json"],
  ])("says what is wrong with %j", async (content, message) => {
    await expect(loadPairConfig(pairFile(content))).rejects.toThrow(message);
  });

  it("says so when there is no such file", async () => {
    await expect(loadPairConfig("nowhere.json")).rejects.toThrow("cannot read nowhere.json: no such file");
  });
});
