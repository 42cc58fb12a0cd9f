/** A run that is killed (SIGKILL) and continued many times leaves the rows of an undisturbed one. same-rows.test.ts does it with models. */
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { createRng } from "../../src/core/rng.ts";

const ROWS = 240;
const KILLS = 10;

const folder = mkdtempSync(join(tmpdir(), "splitreason-killed-run-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
}

/** Runs to its end, or kills it once `isTime`. */
function run(out: string, concurrency: number, hangAt: number, isTime: () => boolean): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const program = join(import.meta.dirname, "fake-run.mjs");
    const child = spawn(process.execPath, [program, out, String(concurrency), String(hangAt)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    const timer = setInterval(() => {
      if (isTime()) child.kill("SIGKILL");
    }, 5);
    child.on("error", reject);
    child.on("close", (_, signal) => {
      clearInterval(timer);
      resolve({ signal, out: text });
    });
  });
}

const linesIn = (path: string): number =>
  existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;

it(`gives the same bytes after ${KILLS} kills`, { timeout: 900_000 }, async () => {
  const whole = join(folder, "whole");
  const undisturbed = await run(whole, 3, ROWS, () => false);
  expect(undisturbed.signal).toBeNull();
  expect(undisturbed.out).toMatch(/^[0-9a-f]{64}$/u);

  const killed = join(folder, "killed");
  const partial = join(killed, "rows.partial.jsonl");
  const rng = createRng(5);
  const seen: number[] = [0];
  for (let kill = 0; kill < KILLS; kill++) {
    // Sometimes before the first new row.
    const target = (seen.at(-1) ?? 0) + rng.integer(0, 12);
    const isTime = (): boolean => existsSync(join(killed, "run.json")) && linesIn(partial) >= target;
    const { signal } = await run(killed, rng.integer(1, 5), target + 3, isTime);
    expect(signal).toBe("SIGKILL");
    seen.push(linesIn(partial));
    // A kill falls into the middle of a line by chance only, so some lines are cut here.
    if (kill % 3 === 2) appendFileSync(partial, '{"problemId":"test-1-1","problem":"zur H\u00e4lfte');
  }
  expect(seen.at(-1)).toBeGreaterThan(40);
  expect(seen.at(-1)).toBeLessThan(ROWS);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  const ended = await run(killed, 4, ROWS, () => false);
  expect(ended).toEqual(undisturbed);
  expect(readFileSync(join(killed, "rows.jsonl"), "utf8")).toBe(
    readFileSync(join(whole, "rows.jsonl"), "utf8"),
  );
  expect(linesIn(join(killed, "rows.jsonl"))).toBe(ROWS);
  expect(readFileSync(join(killed, "measured.jsonl"), "utf8")).not.toBe(
    readFileSync(join(whole, "measured.jsonl"), "utf8"),
  );
});
