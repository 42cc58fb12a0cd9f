/** What each policy makes the two models do. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { ConfigError } from "../../src/core/errors.ts";
import { hash32 } from "../../src/core/rng.ts";
import {
  POLICY_NAMES,
  type Policy,
  SplitDecoder,
  always,
  collect,
  learned,
  never,
  parsePolicy,
  random,
  self,
} from "../../src/decode/index.ts";
import type { Engine, Sampling } from "../../src/engines/engine.ts";
import { OFFLOAD_TAGS } from "../../src/tags/grammar.ts";
import { eventsOf, isIdle, prompt, promptForBig, request, toyPair, traceOf } from "../support/toy-pair.ts";

const { open, close } = OFFLOAD_TAGS;
const seeds = fc.nat({ max: 1_000_000 });
const NAMES = [
  "learned",
  "random",
  "entropy",
  "step-score",
  "call-n",
  "cue",
  "logprob-select",
  "rewrite",
  "never",
  "self",
  "speculative",
  "always",
];

/** One model alone, token by token, tags forbidden: in advance, or drawn again when they come. */
async function alone(
  engine: Engine,
  read: typeof prompt,
  sampling: Sampling,
  inAdvance: boolean,
): Promise<string> {
  await using sequence = await engine.open();
  await sequence.append(read);
  let refused = inAdvance ? [open, close] : [];
  let text = "";
  for (let count = 0; count < 60;) {
    const seed =
      inAdvance || refused.length === 0 ? sampling.seed : hash32(`redraw ${refused.length}`, sampling.seed);
    const bias = refused.map((marker) => ({ marker, nats: -Infinity }));
    const options = { maxTokens: 1, sampling: { ...sampling, seed }, bias, stop: [open, close] };
    for await (const event of sequence.generate(options)) {
      if (event.type === "token") {
        count++;
        text += event.text;
        if (!inAdvance) refused = [];
      } else if (event.reason === "stop") refused.push(event.marker ?? "");
      else if (event.reason !== "limit") return text;
    }
  }
  return text;
}

describe("never", () => {
  test("is the small model alone; the big one is not even opened", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { small, big } = toyPair({ seed });
        const asked = request(seed, { policy: never() });
        const expected = await alone(toyPair({ seed }).small, prompt, asked.sampling, false);
        const result = await collect(new SplitDecoder({ small, big }).decode(asked));
        expect(result.text).toBe(expected);
        expect(result.usage).toMatchObject({ bigTokens: 0, tagTokens: 0, switches: 0, offloadShare: 0 });
        expect(big.done.open).toBe(0);
        expect((await collect(new SplitDecoder({ small }).decode(asked))).text).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });
});

describe("always", () => {
  test("is the big model alone; the small one does no work, and the dial does not apply", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), async (seed, otherVocabulary) => {
        const { small, big } = toyPair({ seed });
        const asked = request(seed, {
          policy: always(),
          dial: { budget: 0, maxSegments: 0, maxSegmentTokens: 1 },
        });
        const sampling = { ...asked.sampling, seed: hash32("big", seed) };
        const expected = await alone(toyPair({ seed }).big, promptForBig, sampling, true);
        const result = await collect(new SplitDecoder({ small, big }).decode(asked));
        expect(result.text).toBe(expected);
        expect(result.segments.every(({ author }) => author === "big")).toBe(true);
        expect(result.usage.offloadShare).toBe(result.text === "" ? 0 : 1);
        expect(small.done).toEqual({ open: 0, append: 0, decode: 0, score: 0 });
        expect(isIdle(small, big)).toBe(true);
        expect(otherVocabulary || result.usage.work.big.prefilled > 0).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("a big model that fails is an error", async () => {
    const pair = toyPair({ seed: 5, big: { fail: { decode: 7 } } });
    const events = await eventsOf(new SplitDecoder(pair).decode(request(5, { policy: always() })));
    expect(events.at(-1)).toMatchObject({ type: "finish", reason: "error", code: "engine-failed" });
    expect(events.filter(({ type }) => type === "segment-delta")).toHaveLength(7);
    expect(isIdle(pair.small, pair.big)).toBe(true);
  });
});

describe("self", () => {
  test("writes like a single model whose tags are free to come, one span at a time", async () => {
    let spans = 0;
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => {
        const { small, big } = toyPair({ seed, openBoost: 3 });
        const asked = request(seed, { policy: self(), dial: { maxSegmentTokens: 9, budget: 0 } });
        const events = await eventsOf(new SplitDecoder({ small, big }).decode(asked));
        const trace = traceOf(events);
        expect(big.done.open).toBe(0);
        expect(trace.some((entry) => entry.startsWith("big:"))).toBe(false);
        expect(trace.join("")).not.toContain(open);
        let length = -1;
        for (const entry of trace) {
          if (entry === "open") {
            expect(length).toBe(-1);
            length = 0;
            spans++;
          } else if (entry === "close" || entry === "forced") {
            expect(length).toBeGreaterThan(0);
            expect(entry === "forced" ? length : Math.min(length, 9)).toBe(entry === "forced" ? 9 : length);
            length = -1;
          } else if (length >= 0) length++;
        }
        const result = await collect(new SplitDecoder({ small }).decode(asked));
        expect(result.taggedText.replaceAll(open, "").replaceAll(close, "")).toBe(result.text);
        expect(result.usage.switches).toBe(0);
      }),
      { numRuns: 40 },
    );
    expect(spans).toBeGreaterThan(40);
  });
});

describe("random", () => {
  test("its expected share is the share asked for, in tokens", async () => {
    let bigTokens = 0;
    let tokens = 0;
    for (let seed = 0; seed < 60; seed++) {
      const policy = random({ share: 0.25, chunk: 5 });
      const asked = request(seed, { policy, limits: { maxTokens: 100 } });
      const { usage, taggedText, text } = await collect(new SplitDecoder(toyPair({ seed })).decode(asked));
      expect(taggedText).toBe(text);
      bigTokens += usage.bigTokens;
      tokens += usage.bigTokens + usage.smallTokens;
    }
    expect(bigTokens / tokens).toBeGreaterThan(0.2);
    expect(bigTokens / tokens).toBeLessThan(0.3);
  });

  test("both models have read everything before they write", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.boolean(), fc.boolean(), async (seed, otherVocabulary, streamingPrefill) => {
        const policy = random({ share: 0.5, chunk: 4 });
        const asked = request(seed, { policy, options: { streamingPrefill, prefillChunk: 3 } });
        const first = await eventsOf(new SplitDecoder(toyPair({ seed, otherVocabulary })).decode(asked));
        const other = request(seed, { policy, options: { streamingPrefill: !streamingPrefill } });
        const second = await eventsOf(new SplitDecoder(toyPair({ seed, otherVocabulary })).decode(other));
        expect(traceOf(first)).toEqual(traceOf(second));
      }),
      { numRuns: 40 },
    );
  });

  test("the dial bounds it: the small model writes instead", async () => {
    const policy = random({ share: 1, chunk: 8 });
    const asked = request(3, { policy, dial: { maxSegments: 1, maxSegmentTokens: 6 } });
    const result = await collect(new SplitDecoder(toyPair({ seed: 3 })).decode(asked));
    expect(result.segments.map(({ author, end }) => `${author} ${end}`)[0]).toBe("big segment-limit");
    expect(result.usage).toMatchObject({ bigTokens: 6, switches: 1 });
  });
});

test("with any policy the share never exceeds a hard budget, after any token", async () => {
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.constantFrom<Policy>(learned(), random({ share: 0.7, chunk: 6 })),
      fc.constantFrom(0.05, 0.2, 0.5),
      fc.constantFrom(0, 4),
      async (seed, policy, budget, budgetGrace) => {
        const asked = request(seed, {
          policy,
          dial: { budget, budgetGrace, bias: 2, hard: true },
          limits: { maxTokens: 120 },
        });
        const events = await eventsOf(new SplitDecoder(toyPair({ seed })).decode(asked));
        const written = { small: 0, big: 0 };
        for (const event of events) {
          if (event.type !== "segment-delta") continue;
          for (const _ of event.tokens) {
            written[event.author]++;
            const total = written.small + written.big;
            expect(written.big).toBeLessThanOrEqual(Math.max(budgetGrace, budget * total) + 1e-9);
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("with any policy no span begins while another is owed", async () => {
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.constantFrom<Policy>(learned(), random({ share: 0.7, chunk: 6 })),
      fc.constantFrom(0.05, 0.2, 0.5),
      async (seed, policy, budget) => {
        const asked = request(seed, { policy, dial: { budget, bias: 2 }, limits: { maxTokens: 120 } });
        const events = await eventsOf(new SplitDecoder(toyPair({ seed })).decode(asked));
        const written = { small: 0, big: 0 };
        for (const event of events) {
          if (event.type === "segment-start" && event.author === "big")
            expect(written.big).toBeLessThanOrEqual(budget * (written.small + written.big) + 1e-9);
          if (event.type === "segment-delta") written[event.author] += event.tokens.length;
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("a policy may end a segment at any token, before or after it", async () => {
  const cue: Policy = {
    name: "cue",
    uses: "pair",
    needsTags: false,
    start: () => ({
      next: ({ segments }) =>
        segments.at(-1)?.author === "small"
          ? { author: "big", reason: "scheduled", close: "never", maxTokens: 3, onEndOfTurn: "finish" }
          : {
              author: "small",
              reason: "scheduled",
              tags: "banned",
              until: ({ text }) =>
                text.includes("\n") ? "before" : text.includes("a") ? "after" : undefined,
            },
    }),
  };
  for (let seed = 0; seed < 20; seed++) {
    const pair = toyPair({ seed });
    const result = await collect(new SplitDecoder(pair).decode(request(seed, { policy: cue })));
    for (const { author, text, end } of result.segments) {
      if (author === "big" || end !== "scheduled") continue;
      expect(text).not.toContain("\n");
      expect(text.indexOf("a")).toBeGreaterThanOrEqual(text.includes("a") ? text.length - 3 : -1);
    }
    expect(result.usage.discardedTokens).toBe(
      result.usage.work.small.discarded + result.usage.work.big.discarded,
    );
  }
});

describe("parsePolicy", () => {
  test("knows its names, and says so", () => {
    expect(POLICY_NAMES).toEqual(NAMES);
    for (const name of POLICY_NAMES) expect(parsePolicy(name).name).toBe(name);
    expect(() => parsePolicy("sometimes")).toThrow(
      'unknown policy "sometimes"; known are learned, random, entropy, step-score, call-n, cue, logprob-select, rewrite, never, self, speculative, always.',
    );
    expect(() => parsePolicy("constructor")).toThrow(ConfigError);
    expect(() => parsePolicy("random", { share: 2 })).toThrow(/policy "random", option "share"/);
    expect(() => parsePolicy("learned", { share: 0.1 })).toThrow(/share/);
  });
});
