/**
 * Writes the metrics of a run as files that TensorBoard and other viewers open: `events.out.tfevents.<seconds>.splitreason` in the run's
 * folder, one for each process that started or continued the run. Steps that were run again are in them once.
 */
import { appendFile, readdir, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";

import { writeFileAtomic } from "../../core/files.ts";
import { restartEvent, scalarsEvent, stepOf, versionEvent } from "./events.ts";
import { frameRecord, readRecords } from "./records.ts";

const NAME = /^events\.out\.tfevents\.(\d+)\.splitreason$/u;

export class EventFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Begins a new file after the ones that are there, and cuts off their events of steps later than `step`. It continues no old file: a
   * viewer that has read past the cut would continue in the middle of an event. Viewers go from one file to the next by name.
   */
  static async open(folder: string, step: number, wallTimeS: number): Promise<EventFile> {
    const older = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
    for (const name of older) await cutBehind(join(folder, name), step);
    const last = Number(NAME.exec(older.at(-1) ?? "")?.[1] ?? 0);
    const seconds = Math.max(Math.floor(wallTimeS), last + 1);
    const path = join(folder, `events.out.tfevents.${String(seconds).padStart(10, "0")}.splitreason`);
    const events = [versionEvent(wallTimeS), restartEvent(wallTimeS, step + 1)];
    await writeFileAtomic(path, Buffer.concat(events.map(frameRecord)));
    return new EventFile(path);
  }

  async log(wallTimeS: number, step: number, scalars: ReadonlyMap<string, number>): Promise<void> {
    if (scalars.size > 0) await appendFile(this.path, frameRecord(scalarsEvent(wallTimeS, step, scalars)));
  }
}

/** Cuts a file after its last event of `step`. Events are in the order of their steps; a half-written last event is cut off as well. */
async function cutBehind(path: string, step: number): Promise<void> {
  const bytes = await readFile(path);
  let end = 0;
  for (const record of readRecords(bytes)) {
    if ((stepOf(record.payload) ?? 0) > step) break;
    end = record.end;
  }
  if (end < bytes.length) await truncate(path, end);
}

/** Numbers in `record` by path: with the prefix `train`, `{reward: {cost: 1}}` gives `train/reward/cost`. */
export function scalarsOf(record: Readonly<Record<string, unknown>>, prefix: string): Map<string, number> {
  const scalars = new Map<string, number>();
  const collect = (value: unknown, path: string): void => {
    if (typeof value === "number") scalars.set(path, value);
    else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) collect(inner, `${path}/${key}`);
    }
  };
  for (const [key, value] of Object.entries(record)) {
    if (key !== "step") collect(value, `${prefix}/${key}`);
  }
  return scalars;
}
