import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";

import { pack } from "tar-stream";
import { afterAll, expect, it } from "vitest";

import { encodeSafetensors } from "../../../formats/safetensors.ts";
import { mergeAdapters } from "./adapters.ts";
import { unpackArchive } from "./archive.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-adapters-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tensor = (shape: readonly number[], ...values: readonly number[]) => ({
  shape,
  data: Float32Array.from(values),
});

it("adds alpha / rank * B A to the weights it names, and leaves the others", async () => {
  const stem = "base_model.model.layers.0.q_proj";
  const tensors = new Map([
    [`${stem}.lora_A.weight`, tensor([1, 2], 3, 5)],
    [`${stem}.lora_B.weight`, tensor([2, 1], 7, 0)],
  ]);
  writeFileSync(join(folder, "adapter_model.safetensors"), encodeSafetensors({ tensors, metadata: {} }));
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ r: 1, lora_alpha: 2 }));
  const base = new Map([
    ["layers.0.q_proj.weight", tensor([2, 2], 1, 1, 1, 1)],
    ["norm.weight", tensor([2], 1, 1)],
  ]);
  const merged = await mergeAdapters(folder, base);
  // 2 / 1 * [7; 0] [3, 5] = [42, 70; 0, 0]
  expect([...merged.get("layers.0.q_proj.weight")!.data]).toEqual([43, 71, 1, 1]);
  expect(merged.get("norm.weight")).toBe(base.get("norm.weight"));
  await expect(mergeAdapters(folder, new Map())).rejects.toThrow("layers.0.q_proj.weight is not there");
});

it.each([false, true])("unpacks an archive (gzipped: %s), whatever its paths say", async (zipped) => {
  const tar = pack();
  tar.entry({ name: "./model/a.txt" }, "one");
  tar.entry({ name: "../../../b.txt" }, "two");
  tar.entry({ name: "link", type: "symlink", linkname: "/etc/passwd" });
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(Buffer.from(chunk as Uint8Array));
  const bytes = Buffer.concat(chunks);
  const out = join(folder, String(zipped));
  expect(await unpackArchive(Readable.from([zipped ? gzipSync(bytes) : bytes]), out)).toEqual([
    "a.txt",
    "b.txt",
  ]);
});

it("refuses what is no archive", async () => {
  await expect(unpackArchive(Readable.from([Buffer.from("no archive".repeat(100))]), folder)).rejects.toThrow(
    "cannot be read",
  );
});
