/** The decoder writes what the naive reference writes, whatever the chunks, the timing and the vocabularies. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { SplitDecoder } from "../../src/decode/index.ts";
import { type ReferenceRequest, referenceDecode } from "../support/reference-decoder.ts";
import {
  eventsOf,
  finishOf,
  isIdle,
  prompt,
  promptForBig,
  request,
  toyPair,
  traceOf,
} from "../support/toy-pair.ts";

interface Scenario {
  readonly seed: number;
  readonly otherVocabulary: boolean;
  readonly openBoost: number;
  readonly closeBoost: number;
  readonly temperature: number;
  readonly expected: { readonly tokens: number; readonly spanTokens: number };
  readonly dial: Pick<
    ReferenceRequest,
    "bias" | "budget" | "hard" | "maxSegmentTokens" | "maxSegments" | "reject"
  >;
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(),
  otherVocabulary: fc.boolean(),
  openBoost: fc.constantFrom(1, 2, 4),
  closeBoost: fc.constantFrom(-1, 1, 3),
  temperature: fc.constantFrom(0, 0, 0.6, 1, 1.4),
  expected: fc.record({ tokens: fc.constantFrom(0, 40), spanTokens: fc.constantFrom(1, 8) }),
  dial: fc.oneof(
    fc.constant({}),
    fc.record(
      {
        bias: fc.constantFrom(-1, 1, 2),
        budget: fc.constantFrom(0, 0.1, 0.3, 0.5, 1),
        hard: fc.boolean(),
        maxSegmentTokens: fc.integer({ min: 1, max: 20 }),
        maxSegments: fc.nat({ max: 6 }),
        reject: fc.constantFrom(0, 0.5, 1),
      },
      { requiredKeys: [] },
    ),
  ),
});

const ways = fc.record({
  streamingPrefill: fc.boolean(),
  prefillChunk: fc.constantFrom(1, 3, 64),
  chunks: fc.oneof(
    fc.constant([8, 16, 32, 64]),
    fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
  ),
});

let switches = 0;

test("equals the naive reference for every chunk size, with and without streaming prefill", async () => {
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      fc.array(ways, { minLength: 2, maxLength: 4 }),
      async (scenario, manyWays) => {
        const sampling = { temperature: scenario.temperature, seed: scenario.seed };
        const { dial, expected: lengths } = scenario;
        const expected = await referenceDecode({
          ...toyPair(scenario),
          prompt,
          promptForBig,
          maxTokens: 60,
          sampling,
          ...dial,
          expected: lengths,
        });
        switches += expected.switches;
        for (const options of manyWays) {
          const { small, big } = toyPair(scenario);
          const asked = request(scenario.seed, {
            sampling,
            dial,
            options: { ...options, expected: lengths },
          });
          const events = await eventsOf(new SplitDecoder({ small, big }).decode(asked));
          expect(traceOf(events)).toEqual(expected.trace);
          expect(finishOf(events).reason).toBe(expected.finish);
          expect(isIdle(small, big)).toBe(true);
        }
      },
    ),
    { numRuns: 240 },
  );
  expect(switches).toBeGreaterThan(300);
}, 240_000);
