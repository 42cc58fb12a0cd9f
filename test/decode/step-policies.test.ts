/** The policies that go step by step, and those with cues and calls: what holds for all of them, on models that are decided by chance. */
import { setImmediate as nextTurn } from "node:timers/promises";

import fc from "fast-check";
import { expect, test, vi } from "vitest";

import {
  type Policy,
  SplitDecoder,
  type SplitEvent,
  callN,
  cue,
  entropy,
  logprobSelect,
  rewrite,
  stepScore,
} from "../../src/decode/index.ts";
import type { ToyWork } from "../support/toy-engine.ts";
import { eventsOf, finishOf, isIdle, request, toyPair, traceOf } from "../support/toy-pair.ts";

// Seconds on a machine with nothing else to do.
vi.setConfig({ testTimeout: 240_000 });

const steps = { step: "line", maxStepTokens: 12 } as const;
const POLICIES: readonly Policy[] = [
  entropy({ ...steps, threshold: 1.4 }),
  stepScore({ ...steps, threshold: 0.02 }),
  stepScore({ ...steps, scorer: "prompt", question: "a b c", threshold: 1 }),
  callN({ tokens: 5 }),
  cue({ step: "line", cues: ["a", "b", "c"], tokens: 4 }),
  logprobSelect({ ...steps, candidates: 3, tokens: 2 }),
  rewrite({ ...steps, threshold: 0.01 }),
];
const policies = fc.constantFrom(...POLICIES);
const seeds = fc.nat({ max: 1_000_000 });

const countBy = (events: readonly SplitEvent[], author: string): number =>
  events.reduce(
    (sum, event) =>
      sum + (event.type === "segment-delta" && event.author === author ? event.tokens.length : 0),
    0,
  );

/** What was written and discarded is what the models yielded, and events say the same as the usage. */
function expectBalance(events: readonly SplitEvent[]): void {
  const { usage } = finishOf(events);
  const { work } = usage;
  expect(usage.smallTokens).toBe(countBy(events, "small"));
  expect(usage.bigTokens).toBe(countBy(events, "big"));
  expect(work.big.decoded).toBe(usage.bigTokens + work.big.discarded);
  expect(work.small.decoded).toBe(usage.smallTokens + work.small.discarded);
  expect(usage.discardedTokens).toBe(work.small.discarded + work.big.discarded);
  const starts = events.filter(({ type }) => type === "segment-start").length;
  expect(events.filter(({ type }) => type === "segment-end")).toHaveLength(starts);
}

test.each(POLICIES.map((policy, index) => [policy.name, index] as const))(
  "%s: both models write, and nothing is lost or counted twice (%i)",
  async (_, index) => {
    const policy = POLICIES[index] as Policy;
    let [small, big] = [0, 0];
    for (let seed = 0; seed < 24; seed++) {
      const otherVocabulary = seed % 3 === 2;
      const pair = toyPair({ seed, otherVocabulary });
      const events = await eventsOf(new SplitDecoder(pair).decode(request(seed, { policy })));
      expectBalance(events);
      expect(["length", "end-of-turn"]).toContain(finishOf(events).reason);
      expect(isIdle(pair.small, pair.big)).toBe(true);
      small += countBy(events, "small");
      big += countBy(events, "big");
    }
    expect(small + big).toBeGreaterThan(200);
    expect(big).toBeGreaterThan(10);
    // The models know no digits: asked for one, the big model finds every step bad.
    if (index !== 2) expect(small).toBeGreaterThan(50);
  },
);

test("the same seed gives the same text, however the big model reads along and how long calls take", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, fc.boolean(), policies, async (seed, otherVocabulary, policy) => {
      const runs = [];
      for (const [streamingPrefill, slowness] of [
        [true, 0],
        [false, 3],
      ] as const) {
        const pair = toyPair({ seed, otherVocabulary, small: { slowness }, big: { slowness } });
        const asked = request(seed, { policy, options: { streamingPrefill, prefillChunk: 3 } });
        runs.push(await eventsOf(new SplitDecoder(pair).decode(asked)));
      }
      const [first = [], second = []] = runs;
      expect(traceOf(first)).toEqual(traceOf(second));
      expect(finishOf(first).usage.discardedTokens).toBe(finishOf(second).usage.discardedTokens);
    }),
    { numRuns: 50 },
  );
});

test("the share never exceeds a hard budget, after any token", async () => {
  await fc.assert(
    fc.asyncProperty(
      seeds,
      policies,
      fc.constantFrom(0, 0.1, 0.3),
      fc.constantFrom(0, 4),
      async (seed, policy, budget, budgetGrace) => {
        const asked = request(seed, {
          policy,
          dial: { budget, budgetGrace, hard: true },
          limits: { maxTokens: 90 },
        });
        const events = await eventsOf(new SplitDecoder(toyPair({ seed })).decode(asked));
        expectBalance(events);
        const written = { small: 0, big: 0 };
        for (const event of events) {
          if (event.type !== "segment-delta") continue;
          for (const _ of event.tokens) {
            written[event.author]++;
            const allowed = budget * (written.small + written.big);
            expect(written.big).toBeLessThanOrEqual(budget === 0 ? 0 : Math.max(budgetGrace, allowed) + 1e-9);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});

test("a big model that fails at any step: what was emitted stays, and the small one writes on", async () => {
  let degraded = 0;
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.boolean(),
      policies,
      fc.constantFrom<ToyWork>("open", "append", "decode", "score"),
      fc.nat({ max: 12 }),
      async (seed, otherVocabulary, policy, kind, at) => {
        const scenario = { seed, otherVocabulary };
        const asked = request(seed, { policy, options: { prefillChunk: 5 } });
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
        const after = events.slice(place);
        expect(countBy(after, "big")).toBe(0);
        expect(after.filter(({ type }) => type === "degraded")).toHaveLength(1);
      },
    ),
    { numRuns: 80 },
  );
  expect(degraded).toBeGreaterThan(20);
});

test("a context that is full ends the text, on either side, and never the process", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, policies, fc.integer({ min: 26, max: 60 }), async (seed, policy, contextSize) => {
      for (const side of ["small", "big"] as const) {
        const pair = toyPair({ seed, [side]: { contextSize } });
        const events = await eventsOf(new SplitDecoder(pair).decode(request(seed, { policy })));
        const { reason, message } = finishOf(events);
        expect(message).toBeUndefined();
        expect(["length", "end-of-turn", "context-full"]).toContain(reason);
        expectBalance(events);
        expect(isIdle(pair.small, pair.big)).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});

test("stop texts end the output where they begin", async () => {
  await fc.assert(
    fc.asyncProperty(
      seeds,
      policies,
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      async (seed, policy, start, length) => {
        const textOf = (events: readonly SplitEvent[]): string =>
          events.map((event) => (event.type === "segment-delta" ? event.text : "")).join("");
        const whole = textOf(
          await eventsOf(new SplitDecoder(toyPair({ seed })).decode(request(seed, { policy }))),
        );
        const stop = whole.slice(start, start + length);
        if (stop === "") return;
        const pair = toyPair({ seed });
        const events = await eventsOf(new SplitDecoder(pair).decode(request(seed, { policy, stop: [stop] })));
        expect(textOf(events)).toBe(whole.slice(0, whole.indexOf(stop)));
        expect(finishOf(events).reason).toBe("stop");
        expectBalance(events);
        expect(isIdle(pair.small, pair.big)).toBe(true);
      },
    ),
    { numRuns: 50 },
  );
});

test("a request can be aborted at any moment: nothing runs on, and what was emitted is what was counted", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, policies, fc.nat({ max: 300 }), async (seed, policy, turns) => {
      const pair = toyPair({ seed, small: { slowness: 3 }, big: { slowness: 3 } });
      const controller = new AbortController();
      const events: SplitEvent[] = [];
      const asked = request(seed, { policy, signal: controller.signal });
      const consuming = (async () => {
        for await (const event of new SplitDecoder(pair).decode(asked)) events.push(event);
      })();
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      controller.abort();
      await consuming;
      expect(isIdle(pair.small, pair.big)).toBe(true);
      const { usage } = finishOf(events);
      expect(usage.smallTokens).toBe(countBy(events, "small"));
      expect(usage.bigTokens).toBe(countBy(events, "big"));
    }),
    { numRuns: 50 },
  );
});

test("the ledger is the small model's context, also after drafts that were discarded", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, policies, async (seed, policy) => {
      const pair = toyPair({ seed });
      const events = await eventsOf(new SplitDecoder(pair).decode(request(seed, { policy, ledger: true })));
      const { ledger, usage } = finishOf(events);
      const tokens = ledger?.tokens ?? [];
      const tags = events.filter((event) => event.type === "tag" && event.by === "sampled").length;
      expect(tokens.filter(({ author }) => author === "policy")).toHaveLength(usage.smallTokens + tags);
      expect(tokens.filter(({ author }) => author === "big")).toHaveLength(usage.bigTokens);
      await using sequence = await pair.small.open();
      for (const { id, author, logprob } of tokens) {
        if (author === "policy") {
          expect(logprob).toBeCloseTo(await pair.small.nextLogprob(sequence, id), 9);
        }
        const ids = id === undefined ? [] : [id];
        await sequence.append([{ text: "", tokens: { vocabulary: pair.small.vocabulary, ids } }]);
      }
    }),
    { numRuns: 40 },
  );
});
