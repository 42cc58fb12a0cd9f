import { existsSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { namedPair, PAIR_HELP, pairFolder, requireFiles } from "./named-pairs.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-named-"));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

it("says how to make a file that is missing, and which file is not the right one", async () => {
  const pair = namedPair("qwen-coder");
  await expect(requireFiles(pair, folder, signal)).rejects.toThrow(
    /no file .*0\.5b-instruct-q4_0\.gguf\..*models\.py qwen-coder .* && splitreason requantize .*q4_k_m\.gguf --weights Q4_0/u,
  );
  const [file] = pair.files;
  const path = join(folder, file?.name ?? "");
  writeFileSync(path, "GGUF");
  await expect(requireFiles(pair, folder, signal)).rejects.toThrow("it has 4 bytes, and should be 496797568");
  const small = { ...pair, files: [{ ...file!, bytes: 4 }] };
  await expect(requireFiles(small, folder, signal)).rejects.toThrow("its SHA-256 is ");
  truncateSync(path, 0);
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  await requireFiles({ ...small, files: [{ ...file!, bytes: 0, sha256: empty }] }, folder, signal);
});

it("finds pairs by name, and their folder in the cache", () => {
  expect(() => namedPair("qwen")).toThrow(
    `there is no pair "qwen" to learn with; there are ${PAIR_HELP.map(([name]) => name).join(", ")}.`,
  );
  expect(pairFolder({ name: "a" }, { SPLITREASON_CACHE: "/cache" })).toBe(join("/cache", "a"));
  const { config, trainable } = namedPair("qwen-coder").describe("/cache/qwen-coder");
  expect(config.tags).toEqual({ open: "<|fim_prefix|>", close: "<|fim_suffix|>" });
  expect(`gguf:${trainable}`).toBe(config.small);
  const micro = namedPair("micro").describe("");
  expect(micro.config.small).toBe("micro:small-base");
  expect(existsSync(join(micro.trainable, "config.json"))).toBe(true);
});
