import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, describe, expect, it, vi } from "vitest";

import { Stages } from "./stages.ts";

const root = mkdtempSync(join(tmpdir(), "splitreason-stages-"));
afterAll(() => rmSync(root, { recursive: true }));

let nowMs = 0;
const clock = { nowMs: () => nowMs, isoNow: () => "" };
const open = async (name: string) => {
  const told: string[] = [];
  const stages = await Stages.open(join(root, name), {
    clock,
    onStage: (stage, state) => told.push(`${stage} ${state}`),
  });
  return { stages, told };
};
const taking = (seconds: number, figures?: Record<string, number>) => async () => {
  nowMs += 1000 * seconds;
  return figures;
};

describe("Stages", () => {
  it("does no stage twice, and adds its time up over sittings", async () => {
    const first = await open("twice");
    await first.stages.run("one", { a: 1 }, taking(3, { rows: 7 }));
    await expect(first.stages.run("two", {}, taking(4))).rejects.toMatchObject({ code: "aborted" });
    expect(first.told).toEqual(["one begins", "two begins"]);

    const second = await open("twice");
    const again = vi.fn();
    expect(await second.stages.run("one", { a: 1 }, again)).toEqual({ rows: 7 });
    expect(again).not.toHaveBeenCalled();
    await expect(
      second.stages.run("two", {}, async () => {
        nowMs += 500;
        throw new Error("no room on the disk");
      }),
    ).rejects.toThrow("no room on the disk");
    expect(await second.stages.run("two", {}, taking(1, { score: 0.5 }))).toEqual({ score: 0.5 });
    expect(second.told).toEqual(["one done", "two continues", "two continues"]);
    expect(second.stages.done).toEqual([
      { name: "one", seconds: 3, figures: { rows: 7 } },
      { name: "two", seconds: 5.5, figures: { score: 0.5 } },
    ]);
  });

  it("keeps time while a stage runs, for a process that is killed", async () => {
    vi.useFakeTimers();
    const { stages } = await open("killed");
    let end = (): void => {};
    const running = stages.run("long", {}, () => new Promise((resolve) => (end = () => resolve({}))));
    const kept = () => {
      try {
        return /"seconds": (\S+)/u.exec(readFileSync(join(root, "killed", "learn.json"), "utf8"))?.[1];
      } catch {
        return undefined;
      }
    };
    await vi.waitFor(() => expect(kept()).toBe("0"));
    nowMs += 60_000;
    await vi.waitFor(() => {
      vi.advanceTimersByTime(60_000);
      expect(kept()).toBe("60");
    });
    vi.useRealTimers();
    end();
    await running;
  });

  it("refuses other settings of a stage that has begun, and a state that is broken", async () => {
    const { stages } = await open("other");
    await stages.run("one", { steps: 4 }, taking(1, {}));
    await expect(stages.run("one", { steps: 5 }, taking(1, {}))).rejects.toThrow("begun with other settings");
    writeFileSync(join(root, "other", "learn.json"), '{"format": "splitreason-learn-1", "stages": [{}]}');
    await expect(open("other")).rejects.toThrow(/learn\.json.*name.*delete it/su);
  });
});
