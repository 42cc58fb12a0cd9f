/**
 * The events of a run, read by the real TensorBoard (from PyPI). Each step is there once, also when a run was killed while TensorBoard was
 * reading.
 */
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Clock } from "../../src/core/clock.ts";
import { RunFolder } from "../../src/train/run-folder.ts";
import { PACKAGES_TIMEOUT_MS, pythonPackages, pythonProgram } from "../support/python-packages.ts";

/** What reading event files takes of TensorBoard and of what it depends on. */
const PACKAGES = [
  "tensorboard==2.21.0",
  "protobuf==7.36.2",
  "numpy==2.4.6",
  "absl-py==2.5.1",
  "packaging==26.3",
];

const folder = mkdtempSync(join(tmpdir(), "splitreason-tensorboard-"));
let packages = "";

beforeAll(async () => {
  packages = await pythonPackages("tensorboard", PACKAGES, "The tests of TensorBoard's events");
}, PACKAGES_TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Scalars = Record<string, [step: number, value: number, wallTimeS: number][]>;

interface Viewer extends AsyncDisposable {
  look(): Promise<Scalars>;
}

function openViewer(run: string): Viewer {
  const child = spawn(pythonProgram(), [join(import.meta.dirname, "..", "support", "read-events.py"), run], {
    env: { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (part: Buffer) => (log += part.toString("utf8")));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closed = new Promise((resolve) => child.on("close", resolve));
  return {
    look: async () => {
      child.stdin.write("\n");
      const line = await lines.next();
      if (line.done === true) throw new Error(log);
      return JSON.parse(line.value) as Scalars;
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await closed;
    },
  };
}

/** One second later each time it is asked. */
function tickingClock(): Clock {
  let seconds = 1_790_000_000;
  return {
    nowMs: () => seconds * 1000,
    isoNow: () => new Date(seconds++ * 1000).toISOString(),
  };
}

const header = { config: { steps: 9 }, identity: "test", provenance: {} };
const step = (number: number, from: string) => ({
  type: "step",
  step: number,
  loss: 1 / number,
  parts: { correct: number },
  text: from,
  nothing: undefined,
});
const eventFiles = (run: string) => readdirSync(run).filter((name) => name.includes("tfevents"));

describe("events of a run", () => {
  it("are what was logged, each step once, whatever happened on the way", async () => {
    const run = join(folder, "run");
    await mkdir(run);
    const clock = tickingClock();
    const first = await RunFolder.open(run, header, clock);
    for (const number of [1, 2, 3]) await first.log(step(number, "first"));
    await first.log({ type: "evaluation", step: 3, scores: { accuracy: 0.25 }, score: 0.2 });
    await first.save(3, (checkpoint) => mkdir(checkpoint).then(() => undefined));
    for (const number of [4, 5]) await first.log(step(number, "lost"));

    await using looksOn = openViewer(run);
    const before = await looksOn.look();
    expect(before["train/loss"]?.map(([number]) => number)).toEqual([1, 2, 3, 4, 5]);

    // Killed while it wrote: half of a record at the end of the file.
    const [killed = ""] = eventFiles(run);
    // (The viewer waits for the rest of it.)
    appendFileSync(join(run, killed), Buffer.from([24, 0, 0, 0, 0, 0, 0, 0, 1, 2]));
    const second = await RunFolder.open(run, header, clock);
    for (const number of [4, 5, 6]) await second.log(step(number, "second"));
    expect(eventFiles(run)).toHaveLength(2);

    await using afterwards = openViewer(run);
    for (const seen of [await looksOn.look(), await afterwards.look()]) {
      expect(Object.keys(seen).sort()).toEqual([
        "evaluation/score",
        "evaluation/scores/accuracy",
        "train/loss",
        "train/parts/correct",
      ]);
      expect(seen["train/loss"]?.map(([number, value]) => [number, value])).toEqual(
        [1, 2, 3, 4, 5, 6].map((number) => [number, Math.fround(1 / number)]),
      );
      expect(seen["evaluation/scores/accuracy"]?.map(([number, value]) => [number, value])).toEqual([
        [3, 0.25],
      ]);
    }
    // Steps that were not run again keep their time.
    const after = await afterwards.look();
    expect(after["train/loss"]?.slice(0, 3)).toEqual(before["train/loss"]?.slice(0, 3));
    const times = (after["train/loss"] ?? []).map(([, , time]) => time);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  it("survive a file that was cut anywhere", async () => {
    const run = join(folder, "cut");
    await mkdir(run);
    const clock = tickingClock();
    const first = await RunFolder.open(run, header, clock);
    for (const number of [1, 2]) await first.log(step(number, "first"));
    await first.save(2, (checkpoint) => mkdir(checkpoint).then(() => undefined));
    const [name = ""] = eventFiles(run);
    truncateSync(join(run, name), 150);
    const second = await RunFolder.open(run, header, clock);
    await second.log(step(3, "second"));
    await using viewer = openViewer(run);
    const steps = (await viewer.look())["train/loss"]?.map(([number]) => number);
    expect(steps?.at(-1)).toBe(3);
    expect(steps?.length).toBeLessThan(3);
  });
});
