/** `micro learn`, killed while it annotates, continues to the same bytes. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { afterAll, expect, it } from "vitest";

import { annotateMicro, ANNOTATED_FILE } from "../../src/recipes/micro/annotate.ts";
import { fastLearning, published } from "../../src/recipes/micro/index.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-learn-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const main = join(import.meta.dirname, "..", "..", "dist", "cli", "main.js");
const config = fastLearning(1);

/** Rows with scores on the disk, in the order in which they were kept. */
function keptRows(work: string): number[] {
  const name = existsSync(work) ? readdirSync(work).find((one) => one.endsWith(".journal.jsonl")) : undefined;
  if (name === undefined) return [];
  const lines = readFileSync(join(work, name), "utf8").split("\n").slice(1, -1);
  return lines.flatMap((line) => {
    const { row, fact } = JSON.parse(line) as { row?: number; fact?: unknown };
    return row === undefined || fact === undefined ? [] : [row];
  });
}

/** Undefined when the annotation had ended before. */
async function killedBehind(rows: number, work: string): Promise<number[] | undefined> {
  const call = ["micro", "learn", "--fast", "--seed", "1", "--work", work, "--threads", "1"];
  const child = spawn(process.execPath, [main, ...call], { stdio: "ignore" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  while (child.exitCode === null && keptRows(work).length < rows && !existsSync(join(work, ANNOTATED_FILE)))
    await pause(5);
  child.kill("SIGKILL");
  await ended;
  return existsSync(join(work, ANNOTATED_FILE)) ? undefined : keptRows(work);
}

it("continues after kill -9, and scores nothing twice", { timeout: 300_000 }, async () => {
  const models = {
    small: await published("small-base", join("models", "micro", "small-base")),
    big: await published("big", join("models", "micro", "big")),
  };
  const undisturbed = join(folder, "undisturbed");
  const whole = await annotateMicro(config, models, { folder: undisturbed });
  expect(whole.rows).toHaveLength(config.annotation.traces);

  const work = join(folder, "killed");
  let kept: number[] = [];
  for (const rows of [5, 20]) {
    const now = await killedBehind(rows, work);
    // Both kills met an annotation that was not at its end, and what was there before is there still.
    expect(now?.length).toBeGreaterThanOrEqual(rows);
    expect(now?.slice(0, kept.length)).toEqual(kept);
    kept = now ?? [];
  }
  const scored: number[] = [];
  const goneOn = await annotateMicro(config, models, {
    folder: work,
    onProgress: (done) => scored.push(done),
  });
  expect(goneOn).toEqual(whole);
  // Only what was not there yet.
  expect(kept).toEqual(kept.map((_, index) => index));
  expect(scored).toEqual(whole.rows.map((_, index) => index + 1).slice(kept.length));
  for (const file of [ANNOTATED_FILE, "annotated.json"])
    expect(readFileSync(join(work, file)).equals(readFileSync(join(undisturbed, file)))).toBe(true);
  expect(readdirSync(work).toSorted()).toEqual(readdirSync(undisturbed).toSorted());
});
