import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { KeptRollouts, ROLLOUTS_FILE } from "./kept-rollouts.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-kept-"));
const path = join(folder, ROLLOUTS_FILE);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("forgets the steps that are run again and half a line, and all of them when the run begins again", async () => {
  const lines = [1, 2, 3].map((step) => `{"step":${step},"text":"a"}\n`);
  writeFileSync(path, lines.join(""));
  appendFileSync(path, '{"step":2,"te');
  await KeptRollouts.open(folder, 2);
  expect(readFileSync(path, "utf8")).toBe(lines.slice(0, 2).join(""));
  const kept = await KeptRollouts.open(folder, 0);
  expect(existsSync(path)).toBe(false);
  kept.add([{ problemId: "p", rollouts: [], failed: [] }], 1, 4);
  expect(existsSync(path)).toBe(false);
});
