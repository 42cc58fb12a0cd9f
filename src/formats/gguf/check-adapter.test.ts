import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { temporaryFolder, tinyGguf, tinyModel, writeTinyModel } from "../../../test/support/tiny-models.ts";
import { BASE_FINGERPRINT_KEY, ggufFingerprint, isSameBase } from "./base-fingerprint.ts";
import { checkAdapter } from "./check-adapter.ts";
import { readGguf } from "./reader.ts";
import { requantizeGguf } from "./requantize.ts";
import { ggufFloat32, ggufString, type GgufValue } from "./types.ts";
import { encodeGguf, type GgufTensor } from "./writer.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const shape = { width: 32, heads: 2, layers: 1 };
const base = writeTinyModel(tinyModel(shape), folder);
const other = join(folder, "other.gguf");
writeFileSync(other, tinyGguf(tinyModel({ ...shape, seed: 2 })));

const [columns = 0, rows = 0] = readGguf(base).tensors.get("blk.0.attn_q.weight")?.dimensions ?? [];
const matrix = (name: string, dimensions: readonly [number, number]): GgufTensor => ({
  name: `blk.0.attn_q.weight.${name}`,
  dimensions,
  data: new Float32Array(dimensions[0] * dimensions[1]).fill(0.5),
});
const A = matrix("lora_a", [columns, 4]);
const B = matrix("lora_b", [4, rows]);
const metadata: Readonly<Record<string, GgufValue>> = {
  "general.architecture": ggufString("qwen3"),
  "general.type": ggufString("adapter"),
  "adapter.type": ggufString("lora"),
  "adapter.lora.alpha": ggufFloat32(8),
};

let files = 0;
function write(change: Readonly<Record<string, GgufValue>>, tensors: readonly GgufTensor[] = [A, B]): string {
  const path = join(folder, `adapter-${files++}.gguf`);
  writeFileSync(path, encodeGguf({ metadata: { ...metadata, ...change }, tensors }));
  return path;
}

describe("checkAdapter", () => {
  it("takes an adapter that fits, made by us or by others", () => {
    const expected = { rank: 4, alpha: 8, targets: ["blk.0.attn_q.weight"] };
    expect(checkAdapter(write({}), base)).toEqual(expected);
    const fingerprint = ggufString(ggufFingerprint(readGguf(base)));
    expect(checkAdapter(write({ [BASE_FINGERPRINT_KEY]: fingerprint }), base)).toEqual(expected);
  });

  it.each<[string, () => string, RegExp]>([
    ["a model", () => base, /"general.type" is (missing|"model"), not "adapter"/],
    [
      "another kind",
      () => write({ "adapter.type": ggufString("ia3") }),
      /"adapter.type" is "ia3", not "lora"/,
    ],
    [
      "another architecture",
      () => write({ "general.architecture": ggufString("llama") }),
      /"general.architecture" is "llama", not "qwen3"/,
    ],
    ["no alpha", () => write({ "adapter.lora.alpha": ggufString("8") }), /"adapter.lora.alpha" is "8"/],
    ["no tensors", () => write({}, []), /it has no tensors/],
    ["half a pair", () => write({}, [A]), /has no lora_b/],
    ["a stranger", () => write({}, [A, { ...B, name: "x" }]), /"x" is neither NAME.lora_a nor NAME.lora_b/],
    [
      "a tensor of another model",
      () =>
        write(
          {},
          [A, B].map((one) => ({ ...one, name: one.name.replace("blk.0", "blk.9") })),
        ),
      /the model has no tensor "blk.9.attn_q.weight"/,
    ],
    ["another width", () => write({}, [matrix("lora_a", [columns + 2, 4]), B]), /would fit/],
    ["two ranks", () => write({}, [A, matrix("lora_b", [3, rows])]), /would fit/],
    [
      "values that are not numbers",
      () => write({}, [A, { ...B, data: B.data.map(() => NaN) }]),
      /holds values that are not finite/,
    ],
    [
      "another base of the same shapes",
      () => write({ [BASE_FINGERPRINT_KEY]: ggufString(ggufFingerprint(readGguf(other))) }),
      /made for another model of the same shapes/,
    ],
    [
      "a fingerprint that is none",
      () => write({ [BASE_FINGERPRINT_KEY]: ggufString("v1:ff:?") }),
      /made for another model/,
    ],
  ])("refuses %s", (_, make, message) => {
    const path = make();
    expect(() => checkAdapter(path, base)).toThrow(message);
    expect(() => checkAdapter(path, base)).toThrow(expect.objectContaining({ code: "file-invalid" }));
  });
});

describe("the fingerprint of a base", () => {
  it("survives quantisation, and tells models apart", async () => {
    const quantised = join(folder, "q4.gguf");
    await requantizeGguf(base, quantised, { weights: "Q4_0" });
    const [one, again, stranger] = [base, quantised, other].map((path) => ggufFingerprint(readGguf(path)));
    expect(again).not.toBe(one);
    expect(isSameBase(one ?? "", again ?? "")).toBe(true);
    expect(isSameBase(one ?? "", stranger ?? "")).toBe(false);
    expect(isSameBase("", "")).toBe(false);
  });
});
