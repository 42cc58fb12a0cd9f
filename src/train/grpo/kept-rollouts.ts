/** Rollouts that are kept beside the metrics to be read, some of each step; without those of steps that are run again. */
import { appendFile, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { writeFileAtomic } from "../../core/files.ts";
import { rolloutRecords } from "./rollout-record.ts";
import type { RolloutGroup } from "./rollout.ts";

export const ROLLOUTS_FILE = "rollouts.jsonl";

export class KeptRollouts {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Of a run that goes on behind `step`: drops what later steps left, and a half-written last line. */
  static async open(folder: string, step: number): Promise<KeptRollouts> {
    const path = join(folder, ROLLOUTS_FILE);
    if (step === 0) await rm(path, { force: true });
    else await rewind(path, step);
    return new KeptRollouts(path);
  }

  /** The first `most` of a step. */
  async add(groups: readonly RolloutGroup[], step: number, most: number): Promise<void> {
    const records = rolloutRecords(groups, step).slice(0, most);
    if (records.length === 0) return;
    await appendFile(this.#path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  }
}

async function rewind(path: string, step: number): Promise<void> {
  const kept: string[] = [];
  for (const line of (await readFile(path, "utf8").catch(() => "")).split("\n")) {
    const own = /^\{"step":(\d+),.*\}$/u.exec(line)?.[1];
    if (own !== undefined && Number(own) <= step) kept.push(`${line}\n`);
  }
  await writeFileAtomic(path, kept.join(""));
}
