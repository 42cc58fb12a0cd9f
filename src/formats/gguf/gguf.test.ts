import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { DataError } from "../../core/errors.ts";
import { tinyGgufContent, tinyModel, tinyVocabulary } from "../../../test/support/tiny-models.ts";
import {
  checkGguf,
  encodeGguf,
  ggufBool,
  ggufFloat32,
  ggufInt32s,
  ggufString,
  ggufStrings,
  ggufUint32,
  readGguf,
  writeGguf,
  type GgufTensor,
  type GgufValue,
} from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-gguf-"));
afterAll(() => rmSync(folder, { recursive: true }));

const path = join(folder, "model.gguf");
const model = tinyModel({ width: 32, heads: 2, headSize: 16 });
const valid = tinyGgufContent(model);

interface Change {
  readonly metadata?: Readonly<Record<string, GgufValue | undefined>>;
  readonly tensors?: (tensors: readonly GgufTensor[]) => readonly GgufTensor[];
}

/** Writes the valid model with a change, and returns the error of the check. */
function errorOf(change: Change): string {
  const metadata: Record<string, GgufValue> = {};
  for (const [key, value] of Object.entries({ ...valid.metadata, ...change.metadata })) {
    if (value !== undefined) metadata[key] = value;
  }
  writeFileSync(path, encodeGguf({ metadata, tensors: (change.tensors ?? ((all) => all))(valid.tensors) }));
  return checkError();
}

function checkError(): string {
  try {
    checkGguf(path);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).message).toContain(path);
    return (error as DataError).message;
  }
  return "";
}

const resized =
  (name: string, dimensions: readonly number[]) =>
  (tensors: readonly GgufTensor[]): readonly GgufTensor[] =>
    tensors.map((tensor) =>
      tensor.name === name
        ? {
            name,
            dimensions,
            data: new Float32Array(dimensions.reduce((product, size) => product * size, 1)),
          }
        : tensor,
    );

describe("encodeGguf and readGguf", () => {
  it("read back what was written, of every type", async () => {
    const metadata: Record<string, GgufValue> = {
      uint8: { type: "uint8", value: 255 },
      int8: { type: "int8", value: -128 },
      uint16: { type: "uint16", value: 65535 },
      int16: { type: "int16", value: -32768 },
      uint32: ggufUint32(4294967295),
      int32: { type: "int32", value: -2147483648 },
      float32: ggufFloat32(0.5),
      float64: { type: "float64", value: Math.PI },
      uint64: { type: "uint64", value: 2n ** 64n - 1n },
      int64: { type: "int64", value: -(2n ** 63n) },
      bool: ggufBool(true),
      string: ggufString("Grüße 🌍"),
      strings: ggufStrings(["", "a b", "Ġ"]),
      int32s: ggufInt32s([1, -2, 3]),
      bools: { type: "array", of: "bool", values: [true, false] },
      bigs: { type: "array", of: "uint64", values: [1n, 2n] },
      empty: ggufStrings([]),
    };
    const data = Float32Array.from([1, 2, 3, 4, 5, 6]);
    await writeGguf(path, {
      metadata,
      tensors: [
        { name: "a", dimensions: [3, 2], data },
        { name: "b", dimensions: [1], data: Float32Array.from([7]) },
      ],
    });
    const file = readGguf(path);
    expect(Object.fromEntries(file.metadata)).toEqual(metadata);
    expect([...file.metadata.keys()]).toEqual(Object.keys(metadata));
    const tensor = file.tensors.get("a");
    expect(tensor).toMatchObject({ dimensions: [3, 2], sizeBytes: 24, encoding: { name: "F32" } });
    expect((tensor?.offsetBytes ?? 1) % 32).toBe(0);
    const bytes = readFileSync(path).subarray(tensor?.offsetBytes, (tensor?.offsetBytes ?? 0) + 24);
    expect(Array.from({ length: 6 }, (_, index) => bytes.readFloatLE(index * 4))).toEqual([...data]);
    expect(file.tensors.get("b")?.offsetBytes).toBe((tensor?.offsetBytes ?? 0) + 32);
  });

  it("grows its buffer across many values", () => {
    const tokens = Array.from({ length: 20_000 }, (_, index) => `token ${index}`);
    writeFileSync(path, encodeGguf({ metadata: { tokens: ggufStrings(tokens) }, tensors: [] }));
    expect(readGguf(path).metadata.get("tokens")).toEqual(ggufStrings(tokens));
  });

  it("refuses values and tensors that do not fit", () => {
    const write = (metadata: Record<string, GgufValue>, tensors: readonly GgufTensor[] = []) =>
      encodeGguf({ metadata, tensors });
    expect(() => write({ a: ggufUint32(-1) })).toThrow('"a": -1 is not of type uint32');
    expect(() => write({ a: ggufUint32(1.5) })).toThrow("1.5 is not of type uint32");
    expect(() => write({ "": ggufUint32(1) })).toThrow("empty");
    expect(() => write({}, [{ name: "x".repeat(64), dimensions: [1], data: new Float32Array(1) }])).toThrow(
      "64 bytes",
    );
    expect(() => write({}, [{ name: "x", dimensions: [2, 2], data: new Float32Array(3) }])).toThrow(
      "16 bytes, 12 given",
    );
    expect(() => write({}, [{ name: "x", dimensions: [], data: new Float32Array(1) }])).toThrow(
      "dimensions []",
    );
  });
});

describe("readGguf", () => {
  it("names what is no file, no GGUF, or another version", () => {
    expect(() => readGguf(join(folder, "none.gguf"))).toThrow(
      expect.objectContaining({ code: "file-missing" }),
    );
    expect(() => readGguf(folder)).toThrow(expect.objectContaining({ code: "file-invalid" }));
    writeFileSync(path, "");
    expect(checkError()).toContain("begins with nothing");
    writeFileSync(path, "<html>Not found</html>");
    expect(checkError()).toContain("3c 68 74 6d");
    const bytes = encodeGguf(valid);
    bytes[4] = 1;
    writeFileSync(path, bytes);
    expect(checkError()).toContain("version is 1");
  });

  it("finds every truncation", () => {
    const bytes = encodeGguf(valid);
    const lastTensor = valid.tensors.at(-1);
    const needed = bytes.byteLength - ((32 - ((lastTensor?.data.byteLength ?? 0) % 32 || 32)) % 32);
    writeFileSync(path, bytes);
    for (let size = needed - 1; size >= 0; size -= Math.max(1, Math.floor(size / 97))) {
      truncateSync(path, size);
      expect(statSync(path).size).toBe(size);
      expect(checkError()).not.toBe("");
    }
  });

  it("bounds counts, lengths, ranks, dimensions and offsets before it uses them", () => {
    const header = (tensors: bigint, keys: bigint, rest: Uint8Array = new Uint8Array()) => {
      const bytes = Buffer.alloc(24 + rest.byteLength);
      bytes.write("GGUF");
      bytes.writeUInt32LE(3, 4);
      bytes.writeBigUInt64LE(tensors, 8);
      bytes.writeBigUInt64LE(keys, 16);
      bytes.set(rest, 24);
      writeFileSync(path, bytes);
      return checkError();
    };
    const largest = 2n ** 64n - 1n;
    expect(header(largest, 0n)).toContain("number of tensors is 18446744073709551615");
    expect(header(0n, largest)).toContain("number of metadata keys");
    const key = Buffer.alloc(64);
    key.writeBigUInt64LE(largest, 0);
    expect(header(0n, 1n, key)).toContain("length of metadata key 0");
    key.writeBigUInt64LE(1n, 0);
    key.write("k", 8);
    key.writeUInt32LE(77, 9);
    expect(header(0n, 1n, key)).toContain('type of "k" is 77');
    key.writeUInt32LE(9, 9);
    key.writeUInt32LE(9, 13);
    expect(header(0n, 1n, key)).toContain("array of arrays");
    key.writeUInt32LE(8, 13);
    key.writeBigUInt64LE(3_000_000n, 17);
    expect(header(0n, 1n, key)).toContain("more than the rest of the file can hold");
    key.writeBigUInt64LE(largest, 17);
    expect(header(0n, 1n, key)).toContain('length of "k"');
    const tensor = Buffer.alloc(64);
    tensor.writeBigUInt64LE(1n, 0);
    tensor.write("t", 8);
    tensor.writeUInt32LE(5, 9);
    expect(header(1n, 0n, tensor)).toContain("5 dimensions");
    tensor.writeUInt32LE(2, 9);
    tensor.writeBigUInt64LE(2n ** 62n, 13);
    expect(header(1n, 0n, tensor)).toContain("dimension 0");
    tensor.writeBigUInt64LE(0n, 13);
    expect(header(1n, 0n, tensor)).toContain("dimension 0");
    tensor.writeBigUInt64LE(2n, 13);
    tensor.writeBigUInt64LE(2n, 21);
    tensor.writeUInt32LE(4, 29);
    expect(header(1n, 0n, tensor)).toContain("encoding 4");
    tensor.writeUInt32LE(2, 29);
    expect(header(1n, 0n, tensor)).toContain("not a multiple of 32 (Q4_0)");
    tensor.writeUInt32LE(0, 29);
    tensor.writeBigUInt64LE(32n, 33);
    expect(header(1n, 0n, tensor)).toContain("at offset 32, where 0 is expected");
  });
});

describe("checkGguf", () => {
  it("sums up a sound model", () => {
    expect(errorOf({})).toBe("");
    const summary = checkGguf(path);
    expect(summary).toMatchObject({
      architecture: "qwen3",
      contextLength: 2048,
      embeddingLength: 32,
      layers: 2,
      name: "tiny random model",
      tokenizer: { model: "gpt2", pretokenizer: "qwen2", merges: [], chatTemplate: undefined },
    });
    expect(summary.tokenizer.tokens).toEqual(tinyVocabulary().tokens);
    expect(summary.parameters).toBe(valid.tensors.reduce((sum, tensor) => sum + tensor.data.length, 0));
    // Its table of tokens is its output too.
    expect(valid.tensors.some(({ name }) => name === "output.weight")).toBe(false);
    expect(summary.parametersPerToken).toBe(summary.parameters);
  });

  it.each([
    ["no architecture", { "general.architecture": undefined }, "general.architecture"],
    ["an encoder", { "general.architecture": ggufString("bert") }, "does not generate text"],
    ["no feed_forward_length", { "qwen3.feed_forward_length": undefined }, "feed_forward_length"],
    ["no head_count", { "qwen3.attention.head_count": undefined }, "head_count"],
    ["no heads", { "qwen3.attention.head_count": ggufUint32(0) }, "head_count"],
    ["no layers", { "qwen3.block_count": ggufUint32(0) }, "block_count"],
    ["too many layers", { "qwen3.block_count": ggufUint32(513) }, "block_count"],
    ["a layer that is missing", { "qwen3.block_count": ggufUint32(3) }, "blk.2.attn_norm.weight"],
    ["layers beyond the count", { "qwen3.block_count": ggufUint32(1) }, "beyond the 1"],
    ["heads that do not divide", { "qwen3.attention.head_count_kv": ggufUint32(3) }, "cannot share"],
    ["no key-value heads", { "qwen3.attention.head_count_kv": ggufUint32(0) }, "head_count_kv"],
    ["an odd head", { "qwen3.attention.key_length": ggufUint32(15) }, "must be equal and even"],
    ["other value heads", { "qwen3.attention.value_length": ggufUint32(8) }, "must be equal and even"],
    ["a partial rotation", { "qwen3.rope.dimension_count": ggufUint32(8) }, "must be equal and even"],
    ["no epsilon", { "qwen3.attention.layer_norm_rms_epsilon": undefined }, "rms_epsilon"],
    ["a negative epsilon", { "qwen3.attention.layer_norm_rms_epsilon": ggufFloat32(-1) }, "rms_epsilon"],
    [
      "an epsilon that is no number",
      { "qwen3.attention.layer_norm_rms_epsilon": ggufFloat32(NaN) },
      "is NaN",
    ],
    ["a wrong type", { "qwen3.embedding_length": ggufFloat32(32) }, "not a uint32"],
    ["an unknown RoPE scaling", { "qwen3.rope.scaling.type": ggufString("cubic") }, '"cubic"'],
    ["experts without use", { "qwen3.expert_count": ggufUint32(8) }, "experts"],
    ["used experts without any", { "qwen3.expert_used_count": ggufUint32(2) }, "experts"],
    ["a pooled output", { "qwen3.pooling_type": ggufUint32(1) }, "embeddings"],
    ["attention that is not causal", { "qwen3.attention.causal": ggufBool(false) }, "not causal"],
    ["an odd alignment", { "general.alignment": ggufUint32(33) }, "power of two"],
    ["no tokenizer", { "tokenizer.ggml.model": undefined }, "tokenizer.ggml.model"],
    ["an unknown tokenizer", { "tokenizer.ggml.model": ggufString("words") }, '"words"'],
    ["no tokens", { "tokenizer.ggml.tokens": undefined }, "tokens"],
    ["fewer types than tokens", { "tokenizer.ggml.token_type": ggufInt32s([1]) }, "token_type"],
    ["no merges", { "tokenizer.ggml.merges": undefined }, "merges"],
    ["a merge of one part", { "tokenizer.ggml.merges": ggufStrings(["ab"]) }, "merge 0"],
    ["a merge with nothing on its right", { "tokenizer.ggml.merges": ggufStrings(["a "]) }, "merge 0"],
    [
      "a token twice",
      { "tokenizer.ggml.tokens": ggufStrings(tinyVocabulary().tokens.with(7, "A")) },
      "tokens 7 and 65 are both",
    ],
    [
      "a byte without token",
      { "tokenizer.ggml.tokens": ggufStrings(tinyVocabulary().tokens.with(65, "AAA")) },
      "no token for byte 0x41",
    ],
    [
      "SentencePiece without byte tokens",
      { "tokenizer.ggml.model": ggufString("llama"), "tokenizer.ggml.merges": undefined },
      "no token for byte 0x00",
    ],
    [
      "a beginning that does not exist",
      { "tokenizer.ggml.add_bos_token": ggufBool(true), "tokenizer.ggml.bos_token_id": ggufUint32(999) },
      "token 999",
    ],
    ["one part of several", { "split.count": { type: "uint16", value: 2 } }, "part of a model of 2 files"],
  ] as const)("refuses %s", (_name, metadata, message) => {
    expect(errorOf({ metadata })).toContain(message);
  });

  it.each([
    ["an embedding of another width", "token_embd.weight", [16, 263]],
    ["an embedding of another vocabulary", "token_embd.weight", [32, 262]],
    ["a head norm of another size", "blk.0.attn_q_norm.weight", [8]],
    ["a query of another size", "blk.1.attn_q.weight", [32, 16]],
    ["a transposed matrix", "blk.1.ffn_gate.weight", [64, 32]],
    ["a norm with two axes", "output_norm.weight", [32, 2]],
  ])("refuses %s", (_name, name, dimensions) => {
    expect(errorOf({ tensors: resized(name, dimensions) })).toContain(`"${name}"`);
  });

  it("refuses a missing tensor", () => {
    for (const { name } of valid.tensors) {
      expect(errorOf({ tensors: (all) => all.filter((tensor) => tensor.name !== name) })).toContain(
        `"${name}"`,
      );
    }
  });

  it("tolerates that bytes which no ordinary text has are missing, and says which", () => {
    const tokens = tinyVocabulary().tokens.with(4, "four").with(0xf1, "plane");
    expect(errorOf({ metadata: { "tokenizer.ggml.tokens": ggufStrings(tokens) } })).toBe("");
    expect(checkGguf(path).tokenizer.missingBytes).toEqual([4, 0xf1]);
  });

  it("joins the parts of a split model", () => {
    const part = (number: number, tensors: readonly GgufTensor[], metadata: Record<string, GgufValue>) => {
      const file = join(folder, `split-0000${number}-of-00002.gguf`);
      const split: Record<string, GgufValue> = {
        "split.no": { type: "uint16", value: number - 1 },
        "split.count": { type: "uint16", value: 2 },
        "split.tensors.count": { type: "int32", value: valid.tensors.length },
      };
      writeFileSync(file, encodeGguf({ metadata: { ...metadata, ...split }, tensors }));
      return file;
    };
    const first = part(1, valid.tensors.slice(0, 5), valid.metadata);
    expect(() => checkGguf(first)).toThrow(expect.objectContaining({ code: "file-missing" }));
    part(2, valid.tensors.slice(5), {});
    expect(checkGguf(first).parameters).toBe(
      valid.tensors.reduce((sum, tensor) => sum + tensor.data.length, 0),
    );
    part(2, valid.tensors.slice(6), {});
    expect(() => checkGguf(first)).toThrow("split.tensors.count");
  });
});
