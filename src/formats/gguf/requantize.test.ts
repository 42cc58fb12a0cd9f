import { mkdtempSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { readGguf } from "./reader.ts";
import { requantizeGguf } from "./requantize.ts";
import { readTensorValues } from "./tensor-data.ts";
import { ggufString } from "./types.ts";
import { writeGguf } from "./writer.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-requantize-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const wave = (length: number): Float32Array => Float32Array.from({ length }, (_, index) => Math.sin(index));
const tensors = [
  { name: "token_embd.weight", dimensions: [32, 4], data: wave(128) },
  { name: "blk.0.attn_q.weight", dimensions: [64, 2], data: wave(128) },
  { name: "blk.0.attn_norm.weight", dimensions: [32], data: wave(32) },
];

async function original(name: string): Promise<string> {
  const path = join(folder, name);
  await writeGguf(path, { metadata: { "general.architecture": ggufString("qwen2") }, tensors });
  return path;
}

describe("requantizeGguf", () => {
  it("changes matrices, keeps vectors and metadata, and says which type most matrices have", async () => {
    const path = await original("a.gguf");
    const out = join(folder, "a-q4.gguf");
    const seen: string[] = [];
    await requantizeGguf(path, out, {
      weights: "Q4_0",
      embedding: "Q8_0",
      onTensor: (done, total) => seen.push(`${done}/${total}`),
    });
    const file = readGguf(out);
    const types = [...file.tensors].map(([name, { encoding }]) => [name, encoding.name]);
    expect(types).toEqual([
      ["token_embd.weight", "Q8_0"],
      ["blk.0.attn_q.weight", "Q4_0"],
      ["blk.0.attn_norm.weight", "F32"],
    ]);
    expect(file.metadata.get("general.architecture")).toEqual(ggufString("qwen2"));
    expect(file.metadata.get("general.file_type")).toEqual({ type: "uint32", value: 2 });
    expect(seen).toEqual(["1/3", "2/3", "3/3"]);
    const errors = tensors.map(({ name, data }) => {
      const values = readTensorValues(out, file.tensors.get(name)!);
      return Math.max(...data.map((value, index) => Math.abs(value - values[index]!)));
    });
    // Half a step: 1/254 of the largest value for Q8_0, 1/16 for Q4_0 (and a step at its end); vectors are exact.
    expect(errors[0]).toBeLessThan(0.5 / 127 + 1e-3);
    expect(errors[1]).toBeLessThan(1 / 8 + 1e-3);
    expect(errors[2]).toBe(0);
  });

  it("writes the same bytes again from what it wrote", async () => {
    const path = await original("b.gguf");
    const [first, second] = [join(folder, "b-1.gguf"), join(folder, "b-2.gguf")];
    await requantizeGguf(path, first, { weights: "Q8_0" });
    await requantizeGguf(first, second, { weights: "Q8_0" });
    expect(readGguf(second).tensors).toEqual(readGguf(first).tensors);
    for (const [, tensor] of readGguf(first).tensors)
      expect(readTensorValues(second, tensor)).toEqual(readTensorValues(first, tensor));
  });

  it("leaves nothing behind when it is stopped, or when a row has no whole blocks", async () => {
    const path = await original("c.gguf");
    const out = join(folder, "c-q4.gguf");
    const stop = new AbortController();
    await expect(
      requantizeGguf(path, out, { weights: "Q4_0", signal: stop.signal, onTensor: () => stop.abort() }),
    ).rejects.toMatchObject({ code: "aborted" });
    const odd = join(folder, "odd.gguf");
    await writeGguf(odd, { metadata: {}, tensors: [{ name: "w", dimensions: [20, 2], data: wave(40) }] });
    await expect(requantizeGguf(odd, out, { weights: "Q4_0" })).rejects.toThrow("rows of 20 values");
    expect((await readdir(folder)).filter((name) => name.startsWith("c-q4"))).toEqual([]);
  });
});
