import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { readProfile } from "./profile.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-profile-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

it("takes two numbers for a profile, and fills in that calls cost nothing", async () => {
  const profile = await readProfile(write("least.json", '{"prefill": 3045, "decode": 16.4}'));
  expect(profile).toEqual({
    format: "splitreason-profile-1",
    model: "unnamed",
    prefill: [{ contextTokens: 0, tokensPerSecond: 3045 }],
    decode: [{ contextTokens: 0, tokensPerSecond: 16.4 }],
    overhead: { openMs: 0, prefillCallMs: 0, generateCallMs: 0, scoreCallMs: 0 },
    beside: { decode: 1, prefill: 1 },
    cancels: true,
  });
});

it("takes a speed for each of several contexts", async () => {
  const decode = [
    { contextTokens: 1000, tokensPerSecond: 149 },
    { contextTokens: 4000, tokensPerSecond: 144.9, ci95: [144, 146] },
  ];
  const profile = await readProfile(write("points.json", JSON.stringify({ prefill: 28_721, decode })));
  expect(profile.decode).toEqual(decode);
});

it.each([
  ["absent", undefined, "no such file"],
  ["text.json", "prefill: 3", "not valid JSON"],
  ["none.json", '{"decode": 16}', "prefill"],
  ["zero.json", '{"prefill": 3045, "decode": 0}', "decode"],
  ["typo.json", '{"prefill": 3045, "decode": 16, "overheads": {}}', "overheads"],
  ["empty.json", '{"prefill": [], "decode": 16}', "prefill"],
  [
    "twice.json",
    '{"prefill": 1, "decode": [{"contextTokens": 5, "tokensPerSecond": 1}, {"contextTokens": 5, "tokensPerSecond": 2}]}',
    "same contextTokens",
  ],
  ["faster.json", '{"prefill": 1, "decode": 1, "beside": {"decode": 0.5}}', "beside.decode"],
])("refuses %s and says why", async (name, text, reason) => {
  const path = text === undefined ? join(folder, name) : write(name, text);
  await expect(readProfile(path)).rejects.toThrow(reason);
  await expect(readProfile(path)).rejects.toThrow(name);
});
