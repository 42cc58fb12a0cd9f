/**
 * The metrics of a run as files that TensorBoard and other viewers open: `events.out.tfevents.<seconds>.splitreason` in the run's folder, one for
 * each time that the run was begun or gone on with. Steps that are run again stand in them once.
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
   * Begins a file behind those that are there, after cutting off what they say of later steps than `step`. Not one file that is gone on with:
   * a viewer that has read further than the cut would read on in the middle of an event. It goes from a file to the next by name.
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

/** Events stand in the order of their steps; also cut off is what a kill left of the last one. */
async function cutBehind(path: string, step: number): Promise<void> {
  const bytes = await readFile(path);
  let end = 0;
  for (const record of readRecords(bytes)) {
    if ((stepOf(record.payload) ?? 0) > step) break;
    end = record.end;
  }
  if (end < bytes.length) await truncate(path, end);
}

/** Every number in `record`, under its path: `{reward: {cost: 1}}` gives `train/reward/cost` with the prefix `train`. */
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
