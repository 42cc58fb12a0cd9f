/** What each policy that knows steps, cues or calls does, on two models whose every word is set. */
import { describe, expect, it } from "vitest";

import { textPiece } from "../../core/piece.ts";
import {
  ScriptedEngine,
  type ScriptedHook,
  type ScriptedModel,
  type ScriptedNext,
} from "../../engines/scripted/index.ts";
import {
  callN,
  collect,
  cue,
  entropy,
  logprobSelect,
  type Policy,
  rewrite,
  SplitDecoder,
  type SplitRequest,
  stepScore,
} from "../index.ts";
import { answeredScore, likelihoodScore } from "./step-score.ts";

const END = "<|im_end|>";

/**
 * Goes on with the first of the texts that begins as what was written so far does; `unsure` says what comes next at some places. What is
 * not set is never made up.
 */
function follows(
  texts: readonly string[],
  unsure: Readonly<Record<string, ScriptedNext>> = {},
): ScriptedModel {
  return ({ text }) => {
    const written = text.slice("Q:".length);
    const next = unsure[written];
    if (next !== undefined) return next;
    const rest = texts.find((whole) => whole.startsWith(written) && whole !== written)?.slice(written.length);
    if (rest === undefined) throw new Error(`nothing is set after ${JSON.stringify(written)}`);
    return rest.startsWith(END) ? END : rest.charAt(0);
  };
}

async function run(
  policy: Policy,
  models: { readonly small: ScriptedModel; readonly big: ScriptedModel; readonly bigHook?: ScriptedHook },
  more: Partial<SplitRequest> = {},
) {
  const small = new ScriptedEngine({ next: models.small, name: "small" });
  const hook = models.bigHook === undefined ? {} : { hook: models.bigHook };
  const big = new ScriptedEngine({ next: models.big, name: "big", ...hook });
  const result = await collect(
    new SplitDecoder({ small, big }).decode({
      prompt: [textPiece("Q:")],
      policy,
      limits: { maxTokens: 80 },
      sampling: { temperature: 0, seed: 1 },
      ...more,
    }),
  );
  expect(small.openSequences + big.openSequences).toBe(0);
  const { smallTokens, bigTokens, work } = result.usage;
  expect(result.segments.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(smallTokens + bigTokens);
  return { ...result, work, who: result.segments.map(({ author, text }) => `${author}: ${text}`) };
}

const line = { step: "line" } as const;

describe("entropy", () => {
  const small = follows(["Easy.\nHard one.\n", `Easy.\nBIG.\nDone.${END}`], {
    "Easy.\n": { H: 0.5, G: 0.5 },
  });
  const big = follows(["Easy.\nBIG.\nmore"]);

  it("hands a step over whose first token is uncertain, and discards that token", async () => {
    const result = await run(entropy({ ...line, threshold: 0.6 }), { small, big });
    expect(result.who).toEqual(["small: Easy.\n", "big: BIG.\n", "small: Done."]);
    expect(result.usage).toMatchObject({ discardedTokens: 1, switches: 1 });
    expect(result.finishReason).toBe("end-of-turn");
  });

  it("leaves it where the uncertainty, ln 2, is not above the threshold", async () => {
    const alone = follows([`Easy.\nHard one.\nDone.${END}`], { "Easy.\n": { H: 0.5, G: 0.5 } });
    const result = await run(entropy({ ...line, threshold: 0.7 }), { small: alone, big });
    expect(result.usage).toMatchObject({ bigTokens: 0, discardedTokens: 0 });
    expect(result.work.big.decoded).toBe(0);
  });

  it("is refused for an engine that reports no entropy, with what to do", () => {
    const engine = new ScriptedEngine({ next: small, name: "remote" });
    const remote = Object.create(engine, {
      capabilities: { value: { ...engine.capabilities, entropy: false } },
    }) as ScriptedEngine;
    const decode = () =>
      new SplitDecoder({ small: remote, big: engine }).decode({
        prompt: [textPiece("Q:")],
        policy: entropy(),
        limits: { maxTokens: 5 },
        sampling: { temperature: 0, seed: 1 },
      });
    expect(decode).toThrow(/"entropy" needs the entropy .* remote does not report; load the small model/u);
  });
});

/** The small model adds up wrongly; the big one finds that unlikely: one of a hundred. */
const wrongSum = follows([`2+2=5\n`, `2+2=4\nSo 4.${END}`]);
const knowsSum = follows([`2+2=4\nSo 4.${END}`, "2+2=5\nWell"], { "2+2=": { "4": 0.99, "5": 0.01 } });

describe("step-score", () => {
  it("scores by likelihood: 9 times the geometric mean", () => {
    expect(likelihoodScore([0, 0])).toBe(9);
    expect(likelihoodScore([Math.log(0.25), Math.log(1)])).toBeCloseTo(4.5, 12);
    expect(likelihoodScore([-Infinity, 0])).toBe(0);
  });

  it("reads the digit of an answer, and none as 0", () => {
    expect(["7", " 8.", "10", "good", ""].map(answeredScore)).toEqual([7, 8, 1, 0, 0]);
  });

  it("has a step rewritten that scores below the threshold, and keeps the others", async () => {
    // Six tokens, one of them with probability .01: 9 x .01^(1/6) = 4.18.
    const result = await run(stepScore({ ...line, threshold: 4.2 }), { small: wrongSum, big: knowsSum });
    expect(result.who).toEqual(["big: 2+2=4\n", "small: So 4."]);
    expect(result.usage.discardedTokens).toBe(6);
    expect(result.work.big.scored).toBe(6 + 5);
    const lenient = follows([`2+2=5\nSo 5.${END}`]);
    const other = follows([`2+2=5\nSo 5.${END}`], { "2+2=": { "4": 0.99, "5": 0.01 } });
    const kept = await run(stepScore({ ...line, threshold: 4.1 }), { small: lenient, big: other });
    expect(kept.who).toEqual(["small: 2+2=5\nSo 5."]);
  });

  it("asks for a digit with the scorer prompt; question and answer leave no trace", async () => {
    const big = follows([`2+2=4\nSo 4.${END}`, "2+2=5\n Score: 2 of 9", "2+2=4\nSo 4. Score: 8 of 9"]);
    const policy = stepScore({ ...line, scorer: "prompt", question: " Score: " });
    const result = await run(policy, { small: wrongSum, big });
    expect(result.who).toEqual(["big: 2+2=4\n", "small: So 4."]);
    expect(result.text).not.toContain("Score");
    // The draft and two tokens of each answer.
    expect(result.usage.discardedTokens).toBe(6 + 2 + 2);
    expect(result.work.big.discarded).toBe(4);
  });

  const failsToScore: ScriptedHook = async ({ kind }) => {
    if (kind === "score") throw new Error("it fails");
  };

  it("continues with the small model alone when the big one fails over a draft", async () => {
    const small = follows([`2+2=5\nSo 5.${END}`]);
    const result = await run(stepScore(line), { small, big: knowsSum, bigHook: failsToScore });
    expect(result.who).toEqual(["small: 2+2=5\nSo 5."]);
    expect(result.degraded).toHaveLength(1);
    expect(result.finishReason).toBe("end-of-turn");
  });

  it("judges nothing when the big model may write nothing", async () => {
    const small = follows([`2+2=5\nSo 5.${END}`]);
    const result = await run(stepScore(line), { small, big: knowsSum }, { dial: { budget: 0 } });
    expect(result.who).toEqual(["small: 2+2=5\nSo 5."]);
    expect(result.work.big.scored).toBe(0);
  });
});

describe("rewrite", () => {
  it("keeps a draft up to its first unlikely token", async () => {
    const result = await run(rewrite(line), { small: wrongSum, big: knowsSum });
    expect(result.who).toEqual(["small: 2+2=", "big: 4\n", "small: So 4."]);
    expect(result.usage).toMatchObject({ bigTokens: 2, discardedTokens: 2 });
  });
});

describe("logprob-select", () => {
  const unsure = { "2+2=": { "5": 0.6, "4": 0.4 } };
  const small = follows([`2+2=5\n`, `2+2=4\nSo 4.${END}`], unsure);

  it("keeps the draft that the big model finds likeliest; the big one writes nothing", async () => {
    const result = await run(logprobSelect({ ...line, candidates: 8 }), { small, big: knowsSum });
    expect(result.who).toEqual(["small: 2+2=4\nSo 4."]);
    expect(result.usage.bigTokens).toBe(0);
    // Seven drafts of the sum and seven of the answer, which are all the same and read once.
    expect(result.usage.discardedTokens).toBe(7 * 6 + 7 * 5);
    expect(result.work.big.scored).toBe(2 * 6 + 5);
  });

  it("lets it write some tokens after each step if wanted", async () => {
    const policy = logprobSelect({ ...line, candidates: 8, tokens: 2 });
    const result = await run(policy, { small, big: knowsSum });
    expect(result.who).toEqual(["small: 2+2=4\n", "big: So", "small:  4."]);
  });
});

describe("cue", () => {
  it("has the big model write n tokens after a step's cue, once a step", async () => {
    const small = follows([`Butter.\nWait, `, `Butter.\nWait, no: it is.${END}`]);
    const big = follows(["Butter.\nWait, no: never"]);
    const result = await run(cue({ ...line, tokens: 3 }), { small, big });
    expect(result.who).toEqual(["small: Butter.\nWait,", "big:  no", "small: : it is."]);
    expect(result.usage.discardedTokens).toBe(0);
  });

  it("takes * for any step", async () => {
    const small = follows([`a.\nb.${END}`]);
    const big = follows(["a.\nb.!"]);
    const result = await run(cue({ ...line, cues: ["*"], tokens: 1 }), { small, big });
    expect(result.who).toEqual(["small: a", "big: .", "small: \nb", "big: ."]);
  });
});

describe("call-n", () => {
  const asks = follows(["x=<call>3</call>", `x=<call>3</call>123.${END}`]);

  it("has the big model write as many tokens as were called for; no one sees the command", async () => {
    const result = await run(callN(), { small: asks, big: follows(["x=12345"]) });
    expect(result.who).toEqual(["small: x=", "big: 123", "small: ."]);
    expect(result.taggedText).toBe("x=<call>3</call>123.");
    expect(result.usage).toMatchObject({ switches: 1, tagTokens: 14, discardedTokens: 0 });
    const capped = follows(["x=<call>3</call>", `x=<call>3</call>1.${END}`]);
    const less = await run(callN({ maxTokens: 1 }), { small: capped, big: follows(["x=12345"]) });
    expect(less.who).toEqual(["small: x=", "big: 1", "small: ."]);
  });

  it("forbids a command that is malformed, or refused, and continues", async () => {
    const small = follows([`x=<call>many</call>`], {
      "x=": { "<": 0.9, "7": 0.1 },
      "x=7": END,
      "x=<": { c: 0.9, "!": 0.1 },
      "x=<cal": { l: 0.9, "!": 0.1 },
      "x=<call": { ">": 0.9, "!": 0.1 },
      "x=<call!": END,
    });
    const malformed = await run(callN(), { small, big: follows([]) });
    expect(malformed.who).toEqual(["small: x=<call!"]);
    const refusing = follows(["x=<call>3</call>"], {
      "x=<call": { ">": 0.9, "!": 0.1 },
      "x=<call!": END,
    });
    const refused = await run(callN(), { small: refusing, big: follows(["x="]) }, { dial: { reject: 1 } });
    expect(refused.who).toEqual(["small: x=<call!"]);
    expect(refused.refusals).toBe(1);
  });

  it("gives a tuned model's open tag a fixed number of tokens, and the close tag after them", async () => {
    const small = follows(["x=<bigmodel>", `x=<bigmodel>12</bigmodel>.${END}`], { "x=": "<bigmodel>" });
    const result = await run(callN({ tokens: 2 }), { small, big: follows(["x=12345"]) });
    expect(result.taggedText).toBe("x=<bigmodel>12</bigmodel>.");
    expect(result.who).toEqual(["small: x=", "big: 12", "small: ."]);
  });
});
