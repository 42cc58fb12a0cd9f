import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";
import { TensorRows } from "./safetensors-rows.ts";

describe("TensorRows", () => {
  let folder = "";
  let path = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "splitreason-rows-"));
    path = join(folder, "model.safetensors");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const matrix = { shape: [3, 2], data: Float32Array.from([1, 2, 3, 4, 5, 6]) };
  const other = { shape: [2], data: Float32Array.from([7, 8]) };

  it("replaces one row and nothing else", async () => {
    await writeFile(
      path,
      encodeSafetensors({
        tensors: new Map([
          ["a", other],
          ["m", matrix],
          ["z", other],
        ]),
        metadata: {},
      }),
    );
    {
      await using rows = await TensorRows.open(path, "m");
      expect([rows.rows, rows.columns]).toEqual([3, 2]);
      expect([...(await rows.read(1))]).toEqual([3, 4]);
      await rows.write(1, Float32Array.from([-1, 0.5]));
      await expect(rows.read(3)).rejects.toThrow(/no row 3/);
      await expect(rows.write(0, new Float32Array(3))).rejects.toThrow(/rows of 2, not 3/);
    }
    const { tensors } = decodeSafetensors(await readFile(path), path);
    expect([...(tensors.get("m")?.data ?? [])]).toEqual([1, 2, -1, 0.5, 5, 6]);
    expect([...(tensors.get("a")?.data ?? []), ...(tensors.get("z")?.data ?? [])]).toEqual([7, 8, 7, 8]);
  });

  it("rounds to the nearest BF16", async () => {
    const header = Buffer.from(JSON.stringify({ m: { dtype: "BF16", shape: [2, 2], data_offsets: [0, 8] } }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(path, Buffer.concat([length, header, Buffer.alloc(8)]));
    await using rows = await TensorRows.open(path, "m");
    // 8 bits of precision: 1 + 2^-7 is the neighbour of 1; half-way between goes to the even one.
    await rows.write(1, Float32Array.from([1 + 2 ** -8 + 2 ** -12, 1 + 2 ** -8]));
    expect([...(await rows.read(1))]).toEqual([1 + 2 ** -7, 1]);
    await rows.write(1, Float32Array.from([-3.5, 1e-3]));
    const [exact = NaN, near = NaN] = await rows.read(1);
    expect(exact).toBe(-3.5);
    expect(Math.abs(near / 1e-3 - 1)).toBeLessThan(2 ** -8);
    expect([...(await rows.read(0))]).toEqual([0, 0]);
  });

  it("says what is wrong with a file or a tensor", async () => {
    await writeFile(path, "no safetensors at all");
    await expect(TensorRows.open(path, "m")).rejects.toThrow(
      /model.safetensors: it is not a safetensors file/,
    );
    await writeFile(path, encodeSafetensors({ tensors: new Map([["a", other]]), metadata: {} }));
    await expect(TensorRows.open(path, "a")).rejects.toThrow(/a is not a matrix, its shape is \[2\]/);
    await expect(TensorRows.open(path, "m")).rejects.toThrow(/describes no tensor m that can be read/);
    await expect(TensorRows.open(join(folder, "none"), "m")).rejects.toThrow(/cannot open/);
  });
});
