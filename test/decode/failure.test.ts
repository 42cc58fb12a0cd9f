/** A big model that fails, hangs or is away: what it wrote stays, and the small one continues by itself. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { EngineError } from "../../src/core/errors.ts";
import { SplitDecoder, learned, random } from "../../src/decode/index.ts";
import { eventsOf, finishOf, isIdle, request, toyPair, traceOf } from "../support/toy-pair.ts";
import type { ToyWork } from "../support/toy-engine.ts";

const seeds = fc.nat({ max: 1_000_000 });

describe("the big model fails", () => {
  test("at any step of any kind: nothing emitted is taken back, and the small model writes on", async () => {
    let degraded = 0;
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.boolean(),
        fc.constantFrom(learned(), random({ share: 0.5, chunk: 6 })),
        fc.constantFrom<ToyWork>("open", "append", "decode"),
        fc.nat({ max: 25 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 2 }),
        async (seed, otherVocabulary, policy, kind, at, chunks) => {
          const scenario = { seed, otherVocabulary, openBoost: 3 };
          const asked = request(seed, { policy, options: { chunks, prefillChunk: 5 } });
          const whole = traceOf(await eventsOf(new SplitDecoder(toyPair(scenario)).decode(asked)));
          const pair = toyPair({ ...scenario, big: { fail: { [kind]: at } } });
          const events = await eventsOf(new SplitDecoder(pair).decode(asked));
          expect(isIdle(pair.small, pair.big)).toBe(true);
          expect(["length", "end-of-turn"]).toContain(finishOf(events).reason);
          const place = events.findIndex(({ type }) => type === "degraded");
          if (place < 0) {
            expect(traceOf(events)).toEqual(whole);
            return;
          }
          degraded++;
          const before = traceOf(events.slice(0, place));
          expect(whole.slice(0, before.length)).toEqual(before);
          const after = traceOf(events.slice(place));
          expect(after.some((entry) => entry.startsWith("big:"))).toBe(false);
          // It is forbidden to ask for a model that is lost: no further request, refused or not.
          expect(after.slice(1)).not.toContain("refused");
          expect(after.slice(1)).not.toContain("open");
          if (kind === "decode" && policy.name === "learned" && before.at(-1)?.startsWith("big:")) {
            expect(after[0]).toBe("forced");
          }
        },
      ),
      { numRuns: 100 },
    );
    expect(degraded).toBeGreaterThan(25);
  });

  test("in mid-segment: every token that it produced before is kept, for every chunk size", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.nat({ max: 12 }), async (seed, at) => {
        const traces = [];
        for (const chunks of [[1], [4], [8, 16]]) {
          const pair = toyPair({ seed, openBoost: 3, closeBoost: -30, big: { fail: { decode: at } } });
          traces.push(
            traceOf(await eventsOf(new SplitDecoder(pair).decode(request(seed, { options: { chunks } })))),
          );
        }
        expect(traces[1]).toEqual(traces[0]);
        expect(traces[2]).toEqual(traces[0]);
      }),
      { numRuns: 30 },
    );
  });

  test("in a retryable way: it is tried again at the next hand-off, with the whole text", async () => {
    let again = 0;
    for (let seed = 0; seed < 40; seed++) {
      const scenario = { seed, openBoost: 3, big: { fail: { decode: 5 }, retryable: true } };
      const pair = toyPair(scenario);
      const events = await eventsOf(
        new SplitDecoder(pair).decode(request(seed, { limits: { maxTokens: 120 } })),
      );
      const place = events.findIndex(({ type }) => type === "degraded");
      if (place >= 0 && traceOf(events.slice(place)).some((entry) => entry.startsWith("big:"))) again++;
      expect(pair.big.done.open).toBeLessThanOrEqual(2);
      const never = toyPair(scenario);
      const asked = request(seed, { limits: { maxTokens: 120 }, options: { bigRetries: 0 } });
      const alone = await eventsOf(new SplitDecoder(never).decode(asked));
      const lost = alone.findIndex(({ type }) => type === "degraded");
      if (lost >= 0) expect(traceOf(alone.slice(lost)).some((entry) => entry.startsWith("big:"))).toBe(false);
      expect(isIdle(pair.small, pair.big, never.small, never.big)).toBe(true);
    }
    expect(again).toBeGreaterThan(10);
  });

  test("by never answering: bigTimeoutMs", async () => {
    const pair = toyPair({ seed: 4, openBoost: 3, big: { hangAtDecode: 3 } });
    const options = { bigTimeoutMs: 500, bigRetries: 0 };
    const events = await eventsOf(new SplitDecoder(pair).decode(request(4, { options })));
    const degraded = events.find(({ type }) => type === "degraded");
    expect(degraded).toMatchObject({ code: "engine-unavailable" });
    expect(degraded).toHaveProperty(
      "message",
      expect.stringMatching(/big: the next token took longer than 500 ms/),
    );
    expect(finishOf(events).reason).toBe("length");
    expect(isIdle(pair.small, pair.big)).toBe(true);
  });

  test("by having too short a context: a value", async () => {
    for (let seed = 0; seed < 20; seed++) {
      for (const contextSize of [3, 30, 40]) {
        const pair = toyPair({ seed, openBoost: 2, big: { contextSize } });
        const events = await eventsOf(new SplitDecoder(pair).decode(request(seed, { policy: learned() })));
        expect(["length", "end-of-turn"]).toContain(finishOf(events).reason);
        expect(events.filter(({ type }) => type === "degraded").length).toBeLessThanOrEqual(1);
        expect(isIdle(pair.small, pair.big)).toBe(true);
      }
    }
  });
});

describe("the small model", () => {
  test("fails at any step: the text so far stays, and the finish says why", async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.constantFrom<ToyWork>("append", "decode", "score"),
        fc.integer({ min: 1, max: 15 }),
        async (seed, kind, at) => {
          const whole = traceOf(await eventsOf(new SplitDecoder(toyPair({ seed })).decode(request(seed))));
          const pair = toyPair({ seed, small: { fail: { [kind]: at } } });
          const events = await eventsOf(new SplitDecoder(pair).decode(request(seed)));
          const trace = traceOf(events);
          expect(trace).toEqual(whole.slice(0, trace.length));
          const { reason, message, code } = finishOf(events);
          if (reason === "error") {
            expect(message).toBe(`small: ${kind} ${at} fails on cue`);
            expect(code).toBe("engine-failed");
          } else expect(trace).toEqual(whole);
          expect(isIdle(pair.small, pair.big)).toBe(true);
        },
      ),
      { numRuns: 80 },
    );
  });

  test("cannot be opened, or the prompt is too long: thrown before the first event", async () => {
    const away = toyPair({ seed: 1, small: { fail: { open: 0 } } });
    await expect(eventsOf(new SplitDecoder(away).decode(request(1)))).rejects.toThrow(/open 0 fails on cue/);
    expect(isIdle(away.small, away.big)).toBe(true);
    const short = toyPair({ seed: 1, small: { contextSize: 10 } });
    const decoding = eventsOf(new SplitDecoder(short).decode(request(1)));
    await expect(decoding).rejects.toThrow(/the prompt does not fit into its context of 10 tokens/);
    await expect(decoding).rejects.toBeInstanceOf(EngineError);
    await expect(decoding).rejects.toMatchObject({ code: "prompt-too-long" });
    expect(isIdle(short.small, short.big)).toBe(true);
  });

  test("has too short a context: the text ends at the same token for every chunk size", async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 28, max: 60 }), async (seed, contextSize) => {
        const traces = [];
        for (const chunks of [[1], [5], [8, 16, 32, 64]]) {
          const pair = toyPair({ seed, openBoost: 2, closeBoost: 0, small: { contextSize } });
          const events = await eventsOf(
            new SplitDecoder(pair).decode(request(seed, { options: { chunks } })),
          );
          expect(finishOf(events).message).toBeUndefined();
          traces.push([...traceOf(events), finishOf(events).reason]);
          expect(isIdle(pair.small, pair.big)).toBe(true);
        }
        expect(traces[1]).toEqual(traces[0]);
        expect(traces[2]).toEqual(traces[0]);
      }),
      { numRuns: 60 },
    );
  });
});

test("a pair that does not fit is refused at once", () => {
  const { small, big } = toyPair({ seed: 1 });
  const untagged = toyPair({ seed: 1, otherVocabulary: true }).big;
  expect(() => new SplitDecoder({ small }).decode(request(1))).toThrow(/policy "learned" needs a big model/);
  expect(() => new SplitDecoder({ small: untagged, big }).decode(request(1))).toThrow(
    /needs <bigmodel> and <\/bigmodel> as control tokens, which big does not have/,
  );
  expect(() => new SplitDecoder({ small, big }).decode(request(1, { prompt: [] }))).toThrow(
    /prompt: it is empty/,
  );
  expect(() => new SplitDecoder({ small, big }).decode(request(1, { limits: { maxTokens: 0 } }))).toThrow(
    /maxTokens/,
  );
  expect(() => new SplitDecoder({ small, big }).decode(request(1, { dial: { budget: 2 } }))).toThrow(
    /dial.budget/,
  );
});
