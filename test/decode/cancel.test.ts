/** A request can end at any moment: both models stop, and nothing is left open or running. */
import { setImmediate as nextTurn } from "node:timers/promises";

import fc from "fast-check";
import { expect, test } from "vitest";

import { SplitDecoder, type SplitEvent, always, learned, random, self } from "../../src/decode/index.ts";
import { eventsOf, finishOf, isIdle, request, toyPair } from "../support/toy-pair.ts";

const policies = fc.constantFrom(learned(), random({ share: 0.5, chunk: 5 }), self(), always());
const scenarios = fc.record({
  seed: fc.nat({ max: 1_000_000 }),
  otherVocabulary: fc.boolean(),
  policy: policies,
  slowness: fc.constantFrom(0, 2, 6),
  /** Rarely complete, often begun: events are held back. */
  stop: fc.constantFrom([], ["abababa", "a b c a"]),
});

function start({
  seed,
  otherVocabulary,
  policy,
  slowness,
  stop,
}: typeof scenarios extends fc.Arbitrary<infer S> ? S : never) {
  const pair = toyPair({ seed, otherVocabulary, small: { slowness }, big: { slowness } });
  const controller = new AbortController();
  const options = { prefillChunk: 4, chunks: [3, 5] };
  const asked = request(seed, { policy, options, stop, signal: controller.signal });
  return { pair, controller, stream: new SplitDecoder(pair).decode(asked) };
}

test("the signal, after any number of turns of the event loop", async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, fc.nat({ max: 300 }), async (scenario, turns) => {
      const { pair, controller, stream } = start(scenario);
      const events: SplitEvent[] = [];
      const consuming = (async () => {
        for await (const event of stream) events.push(event);
      })();
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      controller.abort();
      await consuming;
      expect(isIdle(pair.small, pair.big)).toBe(true);
      const { reason, usage } = finishOf(events);
      expect(["aborted", "length", "end-of-turn", "stop"]).toContain(reason);
      // What was emitted is what was counted, and segments are closed.
      const deltas = events.flatMap((event) => (event.type === "segment-delta" ? event.tokens : []));
      expect(usage.smallTokens + usage.bigTokens).toBe(deltas.length);
      const starts = events.filter(({ type }) => type === "segment-start").length;
      expect(events.filter(({ type }) => type === "segment-end")).toHaveLength(starts);
    }),
    { numRuns: 80 },
  );
});

test("leaving the loop, after any number of events", async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, fc.integer({ min: 1, max: 80 }), async (scenario, count) => {
      const { pair, stream } = start(scenario);
      let seen = 0;
      for await (const _ of stream) if (++seen >= count) break;
      expect(isIdle(pair.small, pair.big)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("leaving while the next event is awaited", async () => {
  await fc.assert(
    fc.asyncProperty(scenarios, fc.nat({ max: 40 }), fc.nat({ max: 8 }), async (scenario, count, turns) => {
      const { pair, stream } = start(scenario);
      const iterator = stream[Symbol.asyncIterator]();
      for (let index = 0; index < count; index++) await iterator.next();
      const next = iterator.next();
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      await iterator.return?.();
      await next;
      expect(isIdle(pair.small, pair.big)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a signal that is aborted already: nothing is written", async () => {
  const pair = toyPair({ seed: 1 });
  const events = await eventsOf(new SplitDecoder(pair).decode(request(1, { signal: AbortSignal.abort() })));
  expect(events).toHaveLength(1);
  expect(finishOf(events).reason).toBe("aborted");
  expect(isIdle(pair.small, pair.big)).toBe(true);
});

test("a signal that outlives its requests keeps no listeners", async () => {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...parameters: Parameters<typeof add>) => (listeners++, add(...parameters));
  signal.removeEventListener = (...parameters: Parameters<typeof remove>) => (
    listeners--,
    remove(...parameters)
  );
  for (let seed = 0; seed < 5; seed++) {
    await eventsOf(new SplitDecoder(toyPair({ seed })).decode(request(seed, { signal })));
  }
  new SplitDecoder(toyPair({ seed: 1 })).decode(request(1, { signal }));
  expect(listeners).toBe(0);
});
