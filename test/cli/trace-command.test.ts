/** `splitreason trace`: recorded traces, for people and for machines; nothing in them reaches the terminal as a control sequence. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, it } from "vitest";

import { callCli } from "../support/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-trace-"));
const file = join(folder, "rows.jsonl");
const row = (problemId: string, correct: boolean, arm: string) => ({
  problemId,
  arm,
  correct,
  problem: "What is 12 times 12?",
  segments: [
    { author: "small", text: "12 times 12 is ", tokens: 8, reason: "start" },
    { author: "big", text: "144\u001b[31m", tokens: 2, reason: "open-tag" },
    { author: "small", text: ". Done", tokens: 2, reason: "close-prediction" },
  ],
});

beforeAll(() => {
  const rows = [row("a", true, "learned"), row("b", false, "learned"), row("c", false, "never")];
  writeFileSync(file, rows.map((one) => `${JSON.stringify(one)}\n`).join(""));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...flags: string[]) => callCli(["trace", file, ...flags]);

it("prints who wrote what, with marks where there are no colours", async () => {
  const { status, out } = await run("--limit", "1");
  expect(status).toBe(0);
  expect(out).toContain("learned, a, 12 tokens, big 16.7% right");
  expect(out).toContain("12 times 12 is «144\\x1b[31m». Done");
  expect(out).not.toContain("\u001b");
});

it("filters by arm, problem and verdict, and pages", async () => {
  const wrong = await run("--wrong", "--json");
  expect((JSON.parse(wrong.out) as { problemId: string }[]).map(({ problemId }) => problemId)).toEqual([
    "b",
    "c",
  ]);
  // As they were recorded, with what the terminal does not show.
  expect(JSON.parse(wrong.out)).toEqual([row("b", false, "learned"), row("c", false, "never")]);
  const second = await run("--arm", "learned", "--skip", "1", "--json");
  expect((JSON.parse(second.out) as { problemId: string }[]).map(({ problemId }) => problemId)).toEqual([
    "b",
  ]);
  const first = await run("--limit", "1");
  expect(first.log).toContain("2 more: --skip 1");
});

it("says how many there were when none is left, and names a file that is missing", async () => {
  const none = await run("--problem", "z");
  expect(none).toMatchObject({ status: 1, out: "" });
  expect(none.log).toContain("has 3 traces, 0 of them match");
  const unknown = await run("--arm", "learnd");
  expect(unknown).toMatchObject({ status: 2, out: "" });
  expect(unknown.log).toContain('has no arm "learnd"; there are learned, never.');
  const inFolder = await callCli(["trace", folder]);
  expect(inFolder).toMatchObject({ status: 2, out: "" });
  expect(inFolder.log).toContain(`is a folder: give ${file}.`);
  const empty = join(folder, "empty.jsonl");
  writeFileSync(empty, "");
  expect((await callCli(["trace", empty])).log).toContain("empty.jsonl has no traces.");
  const absent = await callCli(["trace", join(folder, "absent.jsonl")]);
  expect(absent.status).toBe(1);
  expect(absent.log).toContain("no such file");
});
