/** Some rollouts of each training step, kept beside the metrics for people to read. Steps that are run again replace theirs. */
import { rm } from "node:fs/promises";
import { join } from "node:path";

import { AppendLog } from "../../core/append-log.ts";
import type { SegmentReason } from "../../decode/events/events.ts";
import type { RolloutGroup } from "./rollout.ts";

export const ROLLOUTS_FILE = "rollouts.jsonl";

export class KeptRollouts {
  readonly #log: AppendLog;

  private constructor(log: AppendLog) {
    this.#log = log;
  }

  /** Opens the file for a run that continues after `step`: drops what later steps left. At step 0 the file is removed. */
  static async open(folder: string, step: number): Promise<KeptRollouts> {
    const path = join(folder, ROLLOUTS_FILE);
    if (step === 0) await rm(path, { force: true });
    const kept: string[] = [];
    const log = await AppendLog.open(path, ({ text }) => {
      const own = /^\{"step":(\d+),.*\}$/u.exec(text)?.[1];
      if (own !== undefined && Number(own) <= step) kept.push(text);
    });
    if (step > 0) await log.replace(kept);
    return new KeptRollouts(log);
  }

  /** Keeps the first `limit` rollouts of a step. */
  add(groups: readonly RolloutGroup[], step: number, limit: number): void {
    for (const record of rolloutRecords(groups, step).slice(0, limit)) this.#log.append(record);
  }
}

/** A rollout as a line of the file (`splitreason trace` shows it). */
interface RolloutRecord {
  readonly step: number;
  readonly problemId: string;
  readonly member: number;
  readonly seed: number;
  readonly correct: boolean;
  readonly text: string;
  readonly segments: readonly {
    readonly author: "small" | "big";
    readonly text: string;
    readonly tokens: number;
    readonly reason: SegmentReason;
  }[];
  readonly finishReason: string;
}

function rolloutRecords(groups: readonly RolloutGroup[], step: number): RolloutRecord[] {
  return groups.flatMap(({ rollouts }) =>
    rollouts.map(({ problemId, member, seed, facts, result }) => ({
      step,
      problemId,
      member,
      seed,
      correct: facts.correct,
      text: result.text,
      segments: result.segments.map(({ author, text, tokens, reason }) => ({ author, text, tokens, reason })),
      finishReason: result.finishReason,
    })),
  );
}
