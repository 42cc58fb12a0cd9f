/** Generation with drafts equals generation without, whatever is drafted: a random model, whose choices are close to one another. */
import { rmSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { temporaryFolder, tinyModel, writeTinyModel } from "../../../test/support/tiny-models.ts";
import { tokenId, type TokenId } from "../../core/ids.ts";
import { controlPiece, textPiece } from "../../core/piece.ts";
import { createRng } from "../../core/rng.ts";
import type { Drafter, GenerateOptions, Sequence, TokenDelta } from "../engine.ts";
import { LlamaEngine } from "./llama-engine.ts";

const folder = temporaryFolder();
const path = writeTinyModel(tinyModel({ seed: 4 }), folder);
let engine: LlamaEngine;
beforeAll(async () => {
  engine = await LlamaEngine.load(path, { sequences: 3, threads: 1, contextSize: 256 });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

const PROMPT = [controlPiece("<|im_start|>"), textPiece("user\nWhat is 12 + 7?"), controlPiece("<|im_end|>")];

interface Counts {
  drafted: number;
  accepted: number;
}

/** Drafts `truth` (the whole sequence), with each token wrong with probability `wrong`. */
function drafterOf(truth: readonly TokenId[], wrong: number, longest: number) {
  const rng = createRng(3);
  const counts: Counts = { drafted: 0, accepted: 0 };
  const drafter: Drafter = {
    draft: async (ids, most) => {
      const draft = truth.slice(ids.length, ids.length + Math.min(most, longest));
      return draft.map((id) => (rng.next() < wrong ? tokenId((Number(id) + 1) % 256) : id));
    },
    verified: (drafted, accepted) => {
      counts.drafted += drafted;
      counts.accepted += accepted;
    },
  };
  return { drafter, counts };
}

async function run(sequence: Sequence, options: GenerateOptions, leaveAfter = Infinity) {
  const tokens: TokenDelta[] = [];
  let end: string | undefined;
  for await (const event of sequence.generate(options)) {
    if (event.type === "end") end = `${event.reason} ${event.marker ?? ""}`;
    else if (tokens.push(event) >= leaveAfter) break;
  }
  return { tokens, ids: tokens.map(({ id }) => id!), text: tokens.map(({ text }) => text).join(""), end };
}

async function whole(options: GenerateOptions) {
  await using sequence = await engine.open();
  const appended = await sequence.append(PROMPT);
  const result = await run(sequence, options);
  return { ...result, prompt: appended.status === "ok" ? appended.tokens : [], work: sequence.work };
}

const never = ["<|im_end|>", "<|endoftext|>"].map((marker) => ({ marker, nats: -Infinity }));
const GREEDY = { temperature: 0, seed: 1 };

describe("generation with drafts", () => {
  it.each([
    ["greedy", { maxTokens: 120, sampling: GREEDY, bias: never }],
    ["at temperature 1", { maxTokens: 120, sampling: { temperature: 1, seed: 7 }, bias: never }],
    [
      "within a nucleus",
      { maxTokens: 120, sampling: { temperature: 0.7, topP: 0.8, seed: 7 }, logprobs: true },
    ],
    ["to the end of the context", { maxTokens: 500, sampling: GREEDY, bias: never, logprobs: true }],
  ] satisfies [string, GenerateOptions][])("gives the tokens of the model alone, %s", async (_, options) => {
    const alone = await whole(options);
    expect(alone.ids.length).toBeGreaterThan(20);
    const truth = [...alone.prompt, ...alone.ids];
    for (const [wrong, longest] of [
      [0, 8],
      [0.3, 5],
      [1, 4],
      [0, 1000],
    ] as const) {
      const { drafter, counts } = drafterOf(truth, wrong, longest);
      const drafted = await whole({ ...options, drafter });
      expect(drafted.ids).toEqual(alone.ids);
      expect(drafted.text).toBe(alone.text);
      expect(drafted.end).toBe(alone.end);
      for (const [index, token] of drafted.tokens.entries()) {
        const { logprob } = alone.tokens[index]!;
        if (logprob !== undefined) expect(token.logprob).toBeCloseTo(logprob, 4);
      }
      expect(counts.accepted).toBe(wrong === 0 ? counts.drafted : wrong === 1 ? 0 : counts.accepted);
      expect(drafted.work.scored).toBe(counts.drafted - counts.accepted);
      expect(drafted.work.decoded).toBe(alone.work.decoded);
      // One for the prompt, and one for each draft with the token after it.
      if (wrong === 0)
        expect(drafted.work.calls).toBeLessThan(3 + alone.work.decoded / Math.min(longest + 1, 30));
    }
  });

  it("avoids a text that is forbidden, and drafts again after it", async () => {
    const options = { maxTokens: 80, sampling: GREEDY, bias: never };
    const free = await whole(options);
    const marker = free.text.slice(30, 32);
    const bias = [...never, { marker, nats: -Infinity }];
    const alone = await whole({ ...options, bias });
    expect(alone.text).not.toContain(marker);
    expect(alone.ids.slice(0, 12)).toEqual(free.ids.slice(0, 12));
    for (const guide of [free, alone]) {
      const { drafter, counts } = drafterOf([...guide.prompt, ...guide.ids], 0, 6);
      const drafted = await whole({ ...options, bias, drafter });
      expect(drafted.ids).toEqual(alone.ids);
      expect(counts.accepted).toBeGreaterThan(5);
    }
  });

  it("stops at a text, and can be left, continued and cut in the middle of a draft", async () => {
    const options = { maxTokens: 60, sampling: GREEDY, bias: never };
    const alone = await whole(options);
    const truth = [...alone.prompt, ...alone.ids];
    const stop = [alone.text.slice(21, 24)];
    const ended = await whole({ ...options, stop });
    const { drafter } = drafterOf(truth, 0, 7);
    const draftedEnd = await whole({ ...options, stop, drafter });
    expect([draftedEnd.text, draftedEnd.end]).toEqual([ended.text, ended.end]);
    expect(ended.end).toBe(`stop ${stop[0]}`);

    await using sequence = await engine.open();
    await sequence.append(PROMPT);
    const start = sequence.position;
    const first = await run(sequence, { ...options, drafter }, 10);
    expect(first.ids).toEqual(alone.ids.slice(0, 10));
    expect(sequence.position).toBe(start + 10);
    const rest = await run(sequence, { ...options, maxTokens: 50, drafter });
    expect(rest.ids).toEqual(alone.ids.slice(10));
    await sequence.truncate(start + 17);
    await using copy = await sequence.fork();
    for (const each of [sequence, copy]) {
      const again = await run(each, { ...options, maxTokens: 43, drafter }, 5);
      expect(again.ids).toEqual(alone.ids.slice(17, 22));
      const scored = await each.score([textPiece("x")], { watch: ["<bigmodel>"], tokenLogprobs: true });
      expect(scored.status).toBe("ok");
      expect(each.position).toBe(start + 23);
    }
  });

  it("is refused by the documented interface alone", async () => {
    await using slower = await LlamaEngine.load(path, { threads: 1, contextSize: 64, native: false });
    expect(slower.capabilities.drafts).toBe(false);
    await using sequence = await slower.open();
    await sequence.append(PROMPT);
    const { drafter } = drafterOf([], 0, 1);
    await expect(run(sequence, { maxTokens: 3, sampling: GREEDY, drafter })).rejects.toThrow("drafts");
  });
});
