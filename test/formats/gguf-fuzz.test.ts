import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { DataError } from "../../src/core/errors.ts";
import { createRng } from "../../src/core/rng.ts";
import { checkGguf, encodeGguf, ggufString, type GgufValue } from "../../src/formats/gguf/index.ts";
import { mutateBytes, mutateContent, type MutableContent } from "../support/gguf-mutations.ts";
import { loadInChild } from "../support/llama-loads.ts";
import { temporaryFolder, tinyGgufContent, tinyModel } from "../support/tiny-models.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));

const qwen3 = tinyGgufContent(tinyModel({ width: 32, heads: 2, layers: 2 }));
/** What of the metadata makes a file large has been read by then. */
const HEADER_BYTES = 12_000;
/** Loads in a child process; far more were run once, while the checks were written. */
const MOST_LOADS = 60;

/** The same weights as another architecture, which has no norms within its heads. */
function asArchitecture(architecture: string): MutableContent {
  const metadata: Record<string, GgufValue> = {};
  for (const [key, value] of Object.entries(qwen3.metadata)) {
    if (!/key_length|value_length/.test(key)) metadata[key.replace(/^qwen3\./, `${architecture}.`)] = value;
  }
  metadata["general.architecture"] = ggufString(architecture);
  return { metadata, tensors: qwen3.tensors.filter(({ name }) => !/attn_[qk]_norm/.test(name)) };
}

describe("a damaged GGUF", () => {
  it("is refused with an error, or loads: it never ends the process", async () => {
    const bases = [qwen3, asArchitecture("qwen2"), asArchitecture("llama")];
    const rng = createRng(20_250);
    const sound: string[] = [];
    let refused = 0;
    for (const [index, base] of bases.entries()) {
      const path = join(folder, `sound-${index}.gguf`);
      writeFileSync(path, encodeGguf(base));
      sound.push(path);
    }
    for (let index = 0; index < 900; index++) {
      const random = rng.fork(index);
      const base = bases[index % bases.length]!;
      const bytes =
        index % 2 === 0 ? mutateContent(base, random) : mutateBytes(encodeGguf(base), HEADER_BYTES, random);
      const path = join(folder, `${index}.gguf`);
      writeFileSync(path, bytes);
      try {
        checkGguf(path);
        sound.push(path);
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        refused++;
        rmSync(path);
      }
    }
    expect(refused).toBeGreaterThan(400);
    expect(sound.length).toBeGreaterThan(MOST_LOADS);
    const tried = sound.slice(0, MOST_LOADS);
    const outcomes = await loadInChild(tried);
    expect(outcomes.slice(0, bases.length)).toEqual(bases.map(() => "loaded"));
    expect(tried.filter((_, index) => outcomes[index] === "crashed")).toEqual([]);
  }, 300_000);

  it("would end the process, were it not checked", async () => {
    const path = join(folder, "hostile.gguf");
    const { "qwen3.feed_forward_length": _, ...metadata } = qwen3.metadata;
    const twice = { ...metadata, "qwen3.rope.scaling.type": ggufString("cubic") };
    writeFileSync(path, encodeGguf({ ...qwen3, metadata: twice }));
    expect(() => checkGguf(path)).toThrow(DataError);
    expect(await loadInChild([path])).toEqual(["crashed"]);
  }, 120_000);
});
