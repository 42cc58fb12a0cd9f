import { describe, expect, it } from "vitest";

import { tokenId } from "../../core/ids.ts";
import { advantageConfigSchema } from "./advantages.ts";
import { assembleBatch, type BatchConfig } from "./batch.ts";
import { rolloutMetrics } from "./metrics.ts";
import { parseReward } from "./rewards/registry.ts";
import type { Rollout, RolloutGroup } from "./rollout.ts";
import type { Decision, DecisionKind } from "./trajectory.ts";

const config: BatchConfig = {
  advantage: advantageConfigSchema.parse({}),
  truncation: "score",
  choices: "all",
};
const reward = parseReward({ name: "cost", lambda: 0, format: 0 });
const moment = { step: 0, steps: 10 };
const idle = { prefilled: 0, scored: 0, decoded: 0, calls: 0, discarded: 0 };

function rollout(correct: boolean, kinds: readonly DecisionKind[]): Rollout {
  const counts = { smallTokens: 9, bigTokens: 1, discardedTokens: 0 };
  const decisions = kinds.map((kind, position): Decision => ({
    position,
    kind,
    target: tokenId(1),
    logprob: -1,
  }));
  return {
    problemId: "a",
    member: 0,
    seed: 1,
    facts: { correct, taggedText: "", finish: "end-of-turn", opens: 1, ...counts },
    trajectory: { tokens: kinds.map(() => tokenId(1)), decisions },
    result: {
      text: "",
      taggedText: "",
      segments: [],
      refusals: 0,
      budgetRefusals: 0,
      degraded: [],
      timing: { totalMs: 1, handoffsMs: [] },
      finishReason: "end-of-turn",
      usage: {
        ...counts,
        promptTokens: 1,
        tagTokens: 0,
        switches: 1,
        offloadShare: 0.1,
        work: { small: idle, big: idle },
      },
    },
  };
}

const group = (...rollouts: Rollout[]): RolloutGroup => ({ problemId: "a", rollouts, failed: [] });
const KINDS: readonly DecisionKind[] = ["token", "open", "read-on", "close", "token", "end"];

describe("assembleBatch", () => {
  const right = rollout(true, KINDS);
  const wrong = rollout(false, KINDS);
  const silent = rollout(false, ["token", "end"]);

  const advantages = (choices: BatchConfig["choices"], ...rollouts: Rollout[]): number[][] =>
    assembleBatch([group(...rollouts)], reward, moment, { ...config, choices }).items.map((item) =>
      item.rollout.trajectory.decisions.map((decision) => item.advantage(decision)),
    );

  it("spreads the advantage over all choices of the batch", () => {
    const [first, second] = advantages("all", right, wrong);
    expect(first).toEqual(KINDS.map(() => expect.closeTo(0.5 / 12)));
    expect(second).toEqual(KINDS.map(() => expect.closeTo(-0.5 / 12)));
  });

  it("trains tags alone when that is asked for, normalised by their number", () => {
    const [first] = advantages("tags", right, wrong);
    const each = expect.closeTo(0.5 / 6);
    expect(first).toEqual([0, each, each, each, 0, 0]);
  });

  it("compares with rollouts that have no tag, and leaves those out", () => {
    const of = advantages("tags", right, silent, silent);
    expect(of).toHaveLength(1);
    expect(of[0]?.[1]).toBeCloseTo(2 / 3 / 3);
  });

  it("drops a group in which all are as good, and counts it", () => {
    const batch = assembleBatch([group(right, right), group(right, wrong)], reward, moment, config);
    expect([batch.groups, batch.droppedGroups, batch.scored.length, batch.items.length]).toEqual([
      2, 1, 4, 2,
    ]);
  });

  it.each([
    // It is wrong as well: all three are compared, and trained on.
    ["score", [2 / 3, -1 / 3, -1 / 3], 3],
    // Compared, and not trained on.
    ["mask", [2 / 3, -1 / 3, undefined], 3],
    // As if it had not been made.
    ["drop", [1 / 2, -1 / 2], 2],
  ] as const)("%s: what a truncated rollout is for", (truncation, advantagesR, trained) => {
    const cut: Rollout = { ...wrong, facts: { ...wrong.facts, finish: "length" } };
    const groups = [group(right, wrong, cut)];
    const batch = assembleBatch(groups, reward, moment, { ...config, truncation });
    expect(batch.scored.map(({ advantage }) => advantage)).toEqual(
      advantagesR.map((value) => (value === undefined ? undefined : expect.closeTo(value))),
    );
    expect(batch.scored).toHaveLength(trained);
    expect(batch.items.some((item) => item.rollout === cut)).toBe(truncation === "score");
    expect(rolloutMetrics(groups, batch).truncated).toBe(1);
  });
});
