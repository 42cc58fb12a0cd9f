/** The decoder writes what the naive reference writes, whatever the chunks, the timing and the vocabularies. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { textPiece } from "../../src/core/piece.ts";
import { type SplitEvent, type SplitRequest, SplitDecoder, learned } from "../../src/decode/index.ts";
import { OFFLOAD_TAGS } from "../../src/tags/grammar.ts";
import { type ReferenceRequest, referenceDecode } from "../support/reference-decoder.ts";
import { END_OF_TURN, ToyEngine, type ToyOptions, toyVocabulary } from "../support/toy-engine.ts";

const { open, close } = OFFLOAD_TAGS;
const [eAcute1, eAcute2] = [Uint8Array.of(0xc3), Uint8Array.of(0xa9)];
const letters = [" ", "a", "b", "c", "\n", "é", "\ufffd", "<", ">", "/", "i", "g", "m", "o", "d", "e", "l"];
const first = toyVocabulary([...letters, " a", "ab", " bc", "cab", eAcute1, eAcute2], [open, close]);
const second = toyVocabulary([...letters, "abc", " ab", "ca", "a\n", " c b", eAcute1, eAcute2], []);

interface Scenario {
  readonly seed: number;
  readonly otherVocabulary: boolean;
  readonly openBoost: number;
  readonly closeBoost: number;
  readonly temperature: number;
  readonly dial: Pick<ReferenceRequest, "bias" | "budget" | "maxSegmentTokens" | "maxSegments" | "reject">;
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(),
  otherVocabulary: fc.boolean(),
  openBoost: fc.constantFrom(0, 1, 3),
  closeBoost: fc.constantFrom(-1, 1, 3),
  temperature: fc.constantFrom(0, 0, 0.6, 1, 1.4),
  dial: fc.oneof(
    fc.constant({}),
    fc.record(
      {
        bias: fc.constantFrom(-1, 1, 2),
        budget: fc.constantFrom(0, 0.1, 0.3, 0.5, 1),
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

function pair({ seed, otherVocabulary, openBoost, closeBoost }: Scenario): {
  small: ToyEngine;
  big: ToyEngine;
} {
  const boosts = { [open]: openBoost, [close]: closeBoost, [END_OF_TURN]: -6 };
  const common: Pick<ToyOptions, "boosts"> = { boosts };
  return {
    small: new ToyEngine({ name: "small", seed, vocabulary: first, ...common }),
    big: new ToyEngine({
      name: "big",
      seed: seed + 1,
      vocabulary: otherVocabulary ? second : first,
      boosts: { ...boosts, [END_OF_TURN]: -3 },
    }),
  };
}

const prompt = [textPiece("ab <bigmodel> a</bigmodel>c")];
const promptForBig = [textPiece("ab ca c")];

function describe(events: readonly SplitEvent[]): { trace: string[]; finish: string } {
  const trace: string[] = [];
  let finish = "";
  for (const event of events) {
    if (event.type === "segment-delta") {
      for (const token of event.tokens) trace.push(`${event.author}:${token.text}`);
    } else if (event.type === "tag") trace.push(event.by === "sampled" ? "open" : event.by);
    else if (event.type === "finish") {
      finish = event.reason;
      expect(event.message).toBeUndefined();
    }
  }
  return { trace, finish };
}

async function events(stream: AsyncIterable<SplitEvent>): Promise<SplitEvent[]> {
  const all: SplitEvent[] = [];
  for await (const event of stream) all.push(event);
  return all;
}

let switches = 0;

test("equals the naive reference for every chunk size, with and without streaming prefill", async () => {
  await fc.assert(
    fc.asyncProperty(
      scenarios,
      fc.array(ways, { minLength: 2, maxLength: 4 }),
      async (scenario, manyWays) => {
        const sampling = { temperature: scenario.temperature, seed: scenario.seed };
        const maxTokens = 60;
        const { dial } = scenario;
        const expected = await referenceDecode({
          ...pair(scenario),
          prompt,
          promptForBig,
          maxTokens,
          sampling,
          ...dial,
        });
        switches += expected.switches;
        for (const options of manyWays) {
          const engines = pair(scenario);
          const request: SplitRequest = {
            prompt,
            promptForBig,
            policy: learned(),
            limits: { maxTokens },
            sampling,
            dial,
            options,
          };
          const stream = await events(new SplitDecoder(engines).decode(request));
          expect(describe(stream)).toEqual({ trace: expected.trace, finish: expected.finish });
          expect(engines.small.openSequences + engines.big.openSequences).toBe(0);
          expect(engines.small.running + engines.big.running).toBe(0);
        }
      },
    ),
    { numRuns: 150 },
  );
  expect(switches).toBeGreaterThan(300);
}, 120_000);
