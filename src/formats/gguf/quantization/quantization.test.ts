import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { DEQUANTIZABLE, dequantize } from "./dequantize.ts";
import { quantize, type WritableEncoding } from "./quantize.ts";

interface Golden {
  readonly read: Readonly<Record<string, { readonly bytes: string; readonly values: string }>>;
  readonly written: { readonly values: string; readonly bytes: Readonly<Record<WritableEncoding, string>> };
}

/** Made by test/python/quantized_blocks.py from llama.cpp's own Python code. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, "blocks.golden.json"), "utf8")) as Golden;

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = ({ buffer, byteOffset, byteLength }: Uint8Array | Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString("hex");
const written = new Float32Array(bytesOf(golden.written.values).buffer);

describe("blocks of quantised tensors", () => {
  it.each(Object.entries(golden.read))(
    "%s: the values are llama.cpp's, to the bit",
    (encoding, { bytes, values }) => {
      expect(hexOf(dequantize(encoding, bytesOf(bytes)))).toBe(values);
    },
  );

  it("has a vector for each type that can be read, besides F32", () => {
    expect(new Set([...Object.keys(golden.read), "F32"])).toEqual(new Set(DEQUANTIZABLE));
  });

  it.each(Object.entries(golden.written.bytes))("%s: the bytes are llama.cpp's", (encoding, bytes) => {
    expect(hexOf(quantize(encoding as WritableEncoding, written))).toBe(bytes);
  });

  it("F32 is read as it is written", () => {
    expect(dequantize("F32", quantize("F32", written))).toEqual(written);
  });

  it("refuses a type that is not known, and parts of blocks", () => {
    expect(() => dequantize("IQ2_XS", new Uint8Array(74))).toThrow("IQ2_XS cannot be dequantised; F32, F16");
    expect(() => dequantize("constructor", new Uint8Array(74))).toThrow("cannot be dequantised");
    expect(() => dequantize("Q4_0", new Uint8Array(35))).toThrow("35 bytes are no whole blocks of Q4_0");
    expect(() => quantize("Q8_0", new Float32Array(33))).toThrow("33 values are no whole blocks of Q8_0");
  });
});
