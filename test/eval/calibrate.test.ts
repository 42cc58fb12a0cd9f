/** Calibration of the shipped pair: stopped anywhere, it continues to the same table, and solves nothing twice. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { systemClock } from "../../src/core/clock.ts";
import { MICRO_PAIR } from "../../src/decode/pair/pair-config.ts";
import {
  calibrate,
  type CalibrationHooks,
  type CalibrationResult,
} from "../../src/eval/calibrate/calibrate.ts";
import { microTask } from "../../src/eval/tasks/micro.ts";

const folder = mkdtempSync(join(tmpdir(), "splitreason-calibrate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROBLEMS = 10;

function run(name: string, hooks: Partial<CalibrationHooks> = {}): Promise<CalibrationResult> {
  return calibrate(
    {
      pair: MICRO_PAIR,
      task: microTask,
      problems: PROBLEMS,
      seed: 3,
      concurrency: 5,
      threads: 1,
      targetShare: 0.02,
      partial: join(folder, name),
    },
    { clock: systemClock, signal: new AbortController().signal, ...hooks },
  );
}

describe("calibrate", () => {
  let whole: CalibrationResult;
  let samples = 0;
  beforeAll(async () => {
    whole = await run("whole", { onSample: (_, isNew) => void (samples += isNew ? 1 : 0) });
  });

  it("measures a curve, and the wanted share on it", () => {
    expect(samples).toBe(PROBLEMS * whole.points.length);
    expect(whole.points).toContainEqual(whole.chosen);
    for (const { share, shareCi95, accuracy, ci95 } of whole.points) {
      expect(shareCi95[0]).toBeLessThanOrEqual(share);
      expect(shareCi95[1]).toBeGreaterThanOrEqual(share);
      expect(ci95[0]).toBeLessThanOrEqual(accuracy);
      expect(ci95[1]).toBeGreaterThanOrEqual(accuracy);
    }
    const learned = whole.points.find(({ bias, reject }) => bias === 0 && reject === 0);
    expect(learned?.share).toBeGreaterThan(0.02);
    expect(learned?.accuracy).toBeGreaterThan(whole.chosen?.accuracy ?? 1);
  });

  it("continues after it was stopped, twice, to the same table", async () => {
    let solved = 0;
    const kept: number[] = [];
    const stopAfter = async (limit: number): Promise<CalibrationResult> => {
      const stop = new AbortController();
      let now = 0;
      return run("parts", {
        signal: stop.signal,
        onStart: (earlier) => void kept.push(earlier),
        onSample: (_, isNew) => {
          if (!isNew) return;
          solved++;
          if (++now === limit) stop.abort(new Error("stopped"));
        },
      });
    };
    await expect(stopAfter(7)).rejects.toThrow("stopped");
    await expect(stopAfter(26)).rejects.toThrow("stopped");
    const resumed = await stopAfter(Infinity);
    const { samples: _whole, ...expected } = whole;
    const { samples: left, ...table } = resumed;
    expect(table).toEqual(expected);
    expect(kept[0]).toBe(0);
    expect(kept[1]).toBeGreaterThanOrEqual(7);
    expect(kept[2]).toBeGreaterThanOrEqual(33);
    expect(solved).toBe(samples);
    // Kept until the caller has written the table.
    expect(readdirSync(folder)).toContain(left.slice(folder.length + 1));
  });
});
