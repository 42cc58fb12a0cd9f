import { describe, expect, it } from "vitest";

import { extraSeconds } from "./latency.ts";
import { paperFormat, paperTagCount } from "./paper.ts";
import { parseReward } from "./registry.ts";
import type { RolloutFacts } from "./reward.ts";

const facts = (changes: Partial<RolloutFacts>): RolloutFacts => ({
  correct: true,
  taggedText: "<think>\nabc</think>\nThe answer is 4.",
  finish: "end-of-turn",
  smallTokens: 90,
  bigTokens: 10,
  opens: 2,
  discardedTokens: 0,
  ...changes,
});
const moment = { step: 99, steps: 100 };

describe("paper", () => {
  const scaffold = (inner: string) =>
    `<think>\n${inner}\n</think>\n<answer>\nThe answer is \\boxed{4}.\n</answer>`;

  it("adds up by hand", () => {
    // .5 + .5 + .25 + .25 + .5 for the scaffold; one span of 2 of 2 + ... characters.
    const text = scaffold("<bigmodel>ab</bigmodel>cd");
    const plain = scaffold("abcd").length;
    expect(paperFormat(text)).toBe(2);
    expect(paperTagCount(text)).toBeCloseTo(2 + Math.floor(0.25) + (2 * (2 / plain)) / 0.4);
  });

  it("pays nothing for 3 tags and 2 for 8: what the floor division does", () => {
    const tags = (count: number) => scaffold("<bigmodel></bigmodel>".repeat(count));
    expect(paperTagCount(tags(3)) - paperTagCount(tags(0))).toBe(0);
    expect(paperTagCount(tags(8)) - paperTagCount(tags(0))).toBe(2);
    expect(paperTagCount(tags(12)) - paperTagCount(tags(0))).toBe(1);
  });

  it("takes 2 off for a tag that is not closed, and the format's point", () => {
    const broken = scaffold("<bigmodel>");
    expect(paperFormat(broken)).toBe(1);
    // All the text from the open tag on counts as covered.
    expect(paperTagCount(broken)).toBeLessThan(paperTagCount(scaffold("")));
  });

  it("rates a wrong answer with 8 tags above a right one without: the fault it is kept for", () => {
    const reward = parseReward("paper");
    const [wrong, right] = reward.score(
      [
        facts({ correct: false, taggedText: scaffold("<bigmodel>a</bigmodel>".repeat(8)) }),
        facts({ correct: true, taggedText: scaffold("a".repeat(8)) }),
      ],
      moment,
    );
    expect(wrong?.total).toBeGreaterThan(right?.total ?? Infinity);
  });
});

describe("cost", () => {
  const reward = (input: object) => parseReward({ name: "cost", ...input });

  it("prices the share above the budget, slowly rising", () => {
    const at = (step: number) =>
      reward({ budget: 0.05, lambda: 4, format: 0 }).score([facts({})], { step, steps: 100 })[0];
    expect(at(99)?.total).toBeCloseTo(1 - 4 * 0.05);
    expect(at(24)?.total).toBeCloseTo(1 - (4 * 0.05) / 2);
    expect(reward({ budget: 0.1, format: 0 }).score([facts({})], moment)[0]?.total).toBeCloseTo(1);
  });

  it("gives the format to a finished chain only", () => {
    const [finished, cut, twice, without] = reward({ lambda: 0 }).score(
      [
        facts({}),
        facts({ finish: "length" }),
        facts({ taggedText: "<think>\na</think>b</think>" }),
        facts({ taggedText: "a model that writes no thought: 4." }),
      ],
      moment,
    );
    expect([finished, cut, twice, without].map((result) => result?.parts["format"])).toEqual([
      0.1, 0, 0, 0.1,
    ]);
  });

  it("puts the prices of single choices aside", () => {
    const [result] = reward({ openPrice: 0.3, tokenPrice: 0.02, lambda: 0, format: 0 }).score([facts({})], {
      step: 24,
      steps: 100,
    });
    expect(result).toMatchObject({ total: 1, openPrice: 0.15, tokenPrice: 0.01 });
  });
});

describe("relay", () => {
  const score = (...groupG: RolloutFacts[]) =>
    parseReward("relay")
      .score(groupG, moment)
      .map(({ total }) => total);
  const alone = facts({ bigTokens: 0, opens: 0 });
  const helped = facts({});
  const wrongAlone = facts({ correct: false, bigTokens: 0, opens: 0 });
  const wrongHelped = facts({ correct: false });

  it("depends on what the group could do", () => {
    expect(score(alone, helped, wrongAlone)).toEqual([1.5, 1, 0]);
    expect(score(helped, wrongAlone, wrongHelped)).toEqual([1.25, 0, 0]);
    expect(score(wrongAlone, wrongHelped)).toEqual([0, 0.1]);
  });
});

describe("latency", () => {
  it("prices seconds, by hand: 10 big tokens, 2 hand-offs at the paper's speeds", () => {
    const profile = { small: { prefill: 28_721, decode: 145 }, big: { prefill: 3045, decode: 16.4 } };
    const config = { profile, pricePerSecond: 0.1, unreadTokens: 32 };
    const seconds = extraSeconds(facts({}), config);
    expect(seconds).toBeCloseTo(10 / 16.4 - 10 / 145 + 2 * 32 * (1 / 3045 + 1 / 28721));
    expect(parseReward("latency").score([facts({})], moment)[0]?.total).toBeCloseTo(1 - 0.1 * seconds);
    expect(extraSeconds(facts({ bigTokens: 0, opens: 0 }), config)).toBe(0);
  });
});

describe("parseReward", () => {
  it("adds rewards up with weights, parts and all", () => {
    const reward = parseReward([
      { reward: { name: "cost", lambda: 0, format: 0, openPrice: 0.2 }, weight: 2 },
      { reward: { name: "latency", pricePerSecond: 0 }, weight: 0.5 },
    ]);
    expect(reward.name).toBe("2*cost+0.5*latency");
    const [result] = reward.score([facts({})], moment);
    expect(result?.total).toBeCloseTo(2.5);
    expect(result?.parts).toMatchObject({ "cost.correct": 2, "latency.correct": 0.5 });
    expect(result?.openPrice).toBeCloseTo(0.4);
  });

  it("says what there is", () => {
    expect(() => parseReward("prize")).toThrow(/paper, cost, relay, latency/);
    expect(() => parseReward({ name: "cost", budget: 2 })).toThrow(/budget/);
    expect(() => parseReward([])).toThrow(/empty list/);
    expect(() => parseReward([{ reward: { name: "paper" } }, { reward: { name: "cost" } }])).toThrow(
      /different rollouts/,
    );
  });
});
