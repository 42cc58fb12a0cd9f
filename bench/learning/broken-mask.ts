/**
 * Breaks the mask: trains the big model's tokens as if the small one had chosen them, as in a released peer whose mask is commented out.
 * Everything else is as it should be.
 */
import type { Ledger } from "../../src/decode/events/ledger.ts";
import {
  type Decision,
  type TagIds,
  type Trajectory,
  trajectoryFrom,
} from "../../src/train/grpo/trajectory.ts";

export function withoutMask(ledger: Ledger, ids: TagIds): Trajectory {
  const { tokens, decisions } = trajectoryFrom(ledger, ids);
  const teacher = ledger.tokens.flatMap(({ author, id, logprob }, index): Decision[] =>
    author === "big" && id !== undefined && index > 0
      ? [{ position: index - 1, kind: "token", target: id, logprob: logprob ?? 0 }]
      : [],
  );
  const taken = new Set(teacher.map(({ position }) => position));
  const kept = decisions.filter(({ position }) => !taken.has(position));
  return { tokens, decisions: [...kept, ...teacher].sort((a, b) => a.position - b.position) };
}
