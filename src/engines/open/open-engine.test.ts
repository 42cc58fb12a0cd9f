import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import {
  temporaryFolder,
  tinyGguf,
  tinyGgufContent,
  tinyModel,
  writeTinyModel,
} from "../../../test/support/tiny-models.ts";
import { encodeGguf } from "../../formats/gguf/index.ts";
import { modelFileDigest, openEngine } from "./open-engine.ts";
import { parseEngineSpec, withSpecPaths } from "./spec.ts";

const folder = temporaryFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const model = tinyModel({ width: 32, heads: 2, layers: 1 });
const path = writeTinyModel(model, folder);

describe("parseEngineSpec", () => {
  it("reads what is accepted", () => {
    expect(parseEngineSpec("micro:small-base")).toEqual({ kind: "micro", name: "small-base" });
    expect(parseEngineSpec("gguf:C:\\a b.gguf")).toEqual({ kind: "gguf", path: "C:\\a b.gguf" });
    expect(parseEngineSpec("gguf:hf:Qwen/Qwen3-8B-GGUF:Q4_K_M")).toEqual({
      kind: "gguf-hf",
      repository: "Qwen/Qwen3-8B-GGUF",
      quantization: "Q4_K_M",
    });
    expect(parseEngineSpec("gguf:hf:a/b")).toEqual({
      kind: "gguf-hf",
      repository: "a/b",
      quantization: undefined,
    });
    expect(parseEngineSpec("gguf:hf:a/b:Q8_0?lora=x y.gguf")).toMatchObject({
      repository: "a/b",
      quantization: "Q8_0",
      lora: "x y.gguf",
    });
    expect(parseEngineSpec("micro:small?lora=a.gguf")).toEqual({
      kind: "micro",
      name: "small",
      lora: "a.gguf",
    });
  });

  it("moves the paths in a spec, and nothing else", () => {
    const moved = (spec: string) => withSpecPaths(spec, (path) => `/at/${path}`);
    expect(moved("gguf:a.gguf?lora=b.gguf")).toBe("gguf:/at/a.gguf?lora=/at/b.gguf");
    expect(moved("gguf:a.gguf")).toBe("gguf:/at/a.gguf");
    expect(moved("gguf:hf:a/b:Q8_0?lora=b.gguf")).toBe("gguf:hf:a/b:Q8_0?lora=/at/b.gguf");
    expect(moved("micro:small?lora=b.gguf")).toBe("micro:small?lora=/at/b.gguf");
    for (const spec of ["micro:small", "gguf:hf:a/b", "openai:http://h/v1#m?lora=b", "nonsense"])
      expect(moved(spec)).toBe(spec);
  });

  it.each([
    ["", "no scheme"],
    ["small", "no scheme"],
    ["micro:", "not the name"],
    ["micro:../secret", "not the name"],
    ["gguf:", "path is missing"],
    ["gguf:hf:justaname", "not OWNER/REPO:QUANT"],
    ["gguf:a.gguf?lora=", "the adapter's path is missing"],
    ["ollama:llama3", '"ollama" is not a scheme'],
  ])("refuses %j and lists what is accepted", (spec, message) => {
    expect(() => parseEngineSpec(spec)).toThrow(message);
    expect(() => parseEngineSpec(spec)).toThrow(/micro:NAME.*gguf:PATH.*gguf:hf:/);
    expect(() => parseEngineSpec(spec)).toThrow(expect.objectContaining({ code: "config-invalid" }));
  });
});

describe("openEngine", () => {
  it("opens a file by its spec", async () => {
    await using engine = await openEngine(`gguf:${path}`, { sequences: 1, threads: 1, contextSize: 128 });
    expect(engine.model).toBe(`gguf:${path}`);
    expect(engine.capabilities.contextSize).toBe(128);
    expect(await modelFileDigest(`gguf:${path}`)).toBe(
      createHash("sha256").update(readFileSync(path)).digest("hex"),
    );
  });

  it("says what is missing, unsound, or wrong", async () => {
    const missing = { code: "file-missing", message: expect.stringContaining("none.gguf") as string };
    await expect(openEngine("gguf:none.gguf")).rejects.toMatchObject(missing);
    await expect(modelFileDigest("gguf:none.gguf")).rejects.toMatchObject(missing);
    const micro = {
      code: "config-invalid",
      message: expect.stringContaining("there are micro:big, micro:small, micro:small-base") as string,
    };
    await expect(openEngine("micro:no-such-model")).rejects.toMatchObject(micro);
    const broken = join(folder, "broken.gguf");
    writeFileSync(broken, tinyGguf(model).subarray(0, 5000));
    await expect(openEngine(`gguf:${broken}`)).rejects.toMatchObject({ code: "file-invalid" });
    await expect(openEngine(`gguf:${path}?lora=none.gguf`)).rejects.toMatchObject(missing);
    await expect(openEngine(`gguf:${path}`, { threads: 0 })).rejects.toMatchObject({ code: "usage" });
    await expect(openEngine(`gguf:${path}`, {}, AbortSignal.abort())).rejects.toMatchObject({
      code: "aborted",
    });
  });

  it("can try an untrusted file in a process of its own", async () => {
    const verify = "child-process";
    const engine = await openEngine(`gguf:${path}`, { verify, threads: 1, contextSize: 64 });
    await engine.close();
    const content = tinyGgufContent(model);
    const strange = join(folder, "strange.gguf");
    // The header cannot show that these weights are not numbers.
    const tensors = content.tensors.map((tensor) => ({ ...tensor, data: tensor.data.map(() => Number.NaN) }));
    writeFileSync(strange, encodeGguf({ ...content, tensors }));
    await expect(openEngine(`gguf:${strange}`, { verify })).rejects.toMatchObject({ code: "file-invalid" });
    // Small files have their weights checked in any case.
    await expect(openEngine(`gguf:${strange}`)).rejects.toMatchObject({ code: "engine-failed" });
  });
});
