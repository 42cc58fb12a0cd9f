/** A rollout as a line of JSON, for people to read (`splitreason trace`). */
import type { SegmentReason } from "../../decode/events/events.ts";
import type { RolloutGroup } from "./rollout.ts";

export interface RolloutRecord {
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

export function rolloutRecords(groups: readonly RolloutGroup[], step: number): RolloutRecord[] {
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
