/** Speculative decoding on the shipped pair: the text of the big model alone, with fewer calls into it. Its caches are exact. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { SplitDecoder, collect, requireFit } from "../../src/decode/index.ts";
import { MICRO_PAIR, pairPolicy } from "../../src/decode/pair/pair-config.ts";
import { Pair } from "../../src/decode/pair/pair.ts";
import { microExample } from "../../src/micro/index.ts";
import { OFFLOAD_TAGS } from "../../src/tags/grammar.ts";
import { eventsOf, finishOf, toyPair } from "../support/toy-pair.ts";

let pair: Pair;
beforeAll(async () => {
  pair = await Pair.open(MICRO_PAIR, { sequences: 3, threads: 1 });
}, 120_000);
afterAll(() => pair.close());

const asked = (spec: string, index: number, temperature: number, maxTokens = 300) => ({
  ...pair.render([{ role: "user", content: microExample("test", 21, index).text }]),
  policy: pairPolicy(pair.config, spec),
  limits: { maxTokens },
  sampling: { temperature, seed: index },
});

const solve = (...what: Parameters<typeof asked>) => collect(new SplitDecoder(pair).decode(asked(...what)));

describe("speculative", () => {
  test.each([
    [0, 50, "speculative"],
    [1, 10, "speculative"],
    [0, 10, "speculative:tokens=3:confidence=0"],
  ])(
    "at temperature %d, %d problems, %s: the big model's tokens",
    { timeout: 600_000 },
    async (temperature, problems, spec) => {
      let [tokens, calls, drafted, accepted] = [0, 0, 0, 0];
      for (let index = 0; index < problems; index++) {
        const alone = await solve("always", index, temperature);
        const { text, segments, usage, finishReason } = await solve(spec, index, temperature);
        expect(text).toBe(alone.text);
        expect(finishReason).toBe(alone.finishReason);
        expect(segments).toEqual(alone.segments);
        const { small, big } = usage.work;
        expect([usage.smallTokens, usage.bigTokens]).toEqual([0, alone.usage.bigTokens]);
        expect(usage.promptTokens).toBe(alone.usage.promptTokens);
        expect(big.decoded).toBe(alone.usage.work.big.decoded);
        expect(small.discarded).toBe(small.decoded - small.accepted!);
        expect(big.scored).toBe(small.drafted! - small.accepted!);
        expect(usage.discardedTokens).toBe(small.discarded + big.discarded);
        tokens += usage.bigTokens;
        calls += big.calls;
        drafted += small.drafted!;
        accepted += small.accepted!;
      }
      expect(accepted / drafted).toBeGreaterThan(0.5);
      expect(calls).toBeLessThan(tokens / (spec.includes("tokens=3") ? 2 : 3));
    },
  );

  test("ends at the limit, and leaves nothing open when it is left", { timeout: 120_000 }, async () => {
    const [alone, cut] = [await solve("always", 1, 0, 33), await solve("speculative", 1, 0, 33)];
    expect([cut.text, cut.finishReason]).toEqual([alone.text, "length"]);
    const left = new AbortController();
    for await (const event of new SplitDecoder(pair).decode({
      ...asked("speculative", 2, 0),
      signal: left.signal,
    })) {
      if (event.type === "segment-delta") left.abort();
      if (event.type === "finish") expect(event.reason).toBe("aborted");
    }
    for (const engine of [pair.small, pair.both.big]) expect(engine).toHaveProperty("openSequences", 0);
  });

  test("puts the big model's tokens into the ledger", { timeout: 120_000 }, async () => {
    const ledgerOf = async (spec: string) =>
      finishOf(await eventsOf(new SplitDecoder(pair).decode({ ...asked(spec, 3, 0), ledger: true }))).ledger!;
    const [alone, speculated] = [await ledgerOf("always"), await ledgerOf("speculative")];
    expect(speculated.tokens.map(({ id }) => id)).toEqual(alone.tokens.map(({ id }) => id));
  });

  test("is refused where the pair does not allow it", () => {
    const policy = pairPolicy(pair.config, "speculative");
    const { small, big } = toyPair({ seed: 1 });
    const fit = (pair: Parameters<typeof requireFit>[0]) => () => requireFit(pair, policy, OFFLOAD_TAGS);
    expect(fit({ small, big })).toThrow(/both models in this process.*--speculative-config.*--model-draft/u);
    expect(fit({ small: pair.small })).toThrow("needs a big model");
    const other = Object.create(pair.small, { vocabulary: { value: "other" } }) as typeof pair.small;
    expect(fit({ small: other, big: pair.both.big })).toThrow("one vocabulary");
  });
});
