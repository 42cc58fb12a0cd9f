import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { DataError } from "../core/errors.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

const content = {
  metadata: { format: "pt" },
  tensors: new Map([
    ["matrix", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, Number.POSITIVE_INFINITY, 1e-40) }],
    ["empty", { shape: [0, 4], data: new Float32Array(0) }],
    ["number", { shape: [], data: Float32Array.of(7) }],
  ]),
};

/** A file with this header and data, whether it makes sense or not. */
function file(header: unknown, data: readonly number[] = []): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Uint8Array.from(data)]);
}
const decode = (bytes: Uint8Array) => () => decodeSafetensors(bytes, "x.safetensors");
const tensor = (dtype: string, shape: number[], start: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

describe("safetensors", () => {
  it("comes back as it was, from any alignment", () => {
    const bytes = encodeSafetensors(content);
    expect(decodeSafetensors(bytes, "x")).toEqual(content);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(decodeSafetensors(shifted.subarray(1), "x")).toEqual(content);
    expect((8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))) % 8).toBe(0);
  });

  it("reads BF16 and F16", () => {
    const data = [0x80, 0x3f, 0x00, 0xc0, 0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c];
    const { tensors } = decodeSafetensors(
      file({ a: tensor("BF16", [2], 0, 4), b: tensor("F16", [4], 4, 12) }, data),
      "x",
    );
    expect([...(tensors.get("a")?.data ?? [])]).toEqual([1, -2]);
    expect([...(tensors.get("b")?.data ?? [])]).toEqual([1, -2, 2 ** -24, Number.POSITIVE_INFINITY]);
  });

  it.each([
    ["too short", Uint8Array.of(1, 2), /has 2 bytes/u],
    ["a header beyond the end", file("{}").subarray(0, 9), /header would have 2 bytes/u],
    ["a header that is not JSON", file("nonsense"), /header is not what/u],
    ["another type", file({ a: tensor("I64", [1], 0, 8) }, Array(8).fill(0)), /"a".*F32, BF16 and F16/su],
    ["a tensor beyond the end", file({ a: tensor("F32", [2], 0, 8) }, [0, 0, 0, 0]), /does not fit/u],
    ["a huge shape", file({ a: tensor("F32", [2 ** 40, 2 ** 40], 0, 4) }, [0, 0, 0, 0]), /does not fit/u],
    ["a backward range", file({ a: tensor("F32", [0], 4, 0) }, [0, 0, 0, 0]), /does not fit/u],
    ["negative offsets", file({ a: tensor("F32", [1], -4, 0) }, [0, 0, 0, 0]), /data_offsets/u],
    [
      "overlapping tensors",
      file({ a: tensor("F32", [1], 0, 4), b: tensor("F32", [1], 0, 4) }, [0, 0, 0, 0]),
      /overlap or leave a gap/u,
    ],
    ["bytes that belong to no tensor", file({}, [1]), /end at 0 of 1/u],
  ])("refuses %s", (_, bytes, message) => {
    expect(decode(bytes)).toThrow(DataError);
    expect(decode(bytes)).toThrow(message);
  });

  it("answers any damage with a DataError or a whole result (property)", () => {
    const bytes = encodeSafetensors(content);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, length) => {
        const damaged = Uint8Array.from(bytes).with(at, value).subarray(0, length);
        try {
          decodeSafetensors(damaged, "x");
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("does not write a tensor whose shape is not its data's", () => {
    const tensors = new Map([["a", { shape: [3], data: new Float32Array(2) }]]);
    expect(() => encodeSafetensors({ tensors, metadata: {} })).toThrow(/shape \[3\], 2 values/u);
  });
});
