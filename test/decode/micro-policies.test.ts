/** Every policy on the shipped pair, greedy: it runs to the end, the figures add up, and it is the same again. */
import { afterAll, beforeAll, expect, test } from "vitest";

import { SplitDecoder, collect } from "../../src/decode/index.ts";
import { MICRO_PAIR, pairPolicy } from "../../src/decode/pair/pair-config.ts";
import { Pair } from "../../src/decode/pair/pair.ts";
import { microExample } from "../../src/micro/index.ts";

let pair: Pair;
beforeAll(async () => {
  pair = await Pair.open(MICRO_PAIR, { sequences: 2, threads: 1 });
}, 120_000);
afterAll(() => pair.close());

const PROBLEMS = 3;

async function solve(spec: string, index: number) {
  const { text } = microExample("test", 21, index);
  return collect(
    new SplitDecoder(pair).decode({
      ...pair.render([{ role: "user", content: text }]),
      policy: pairPolicy(pair.config, spec),
      limits: { maxTokens: 300 },
      sampling: { temperature: 0, seed: index },
    }),
  );
}

test.each(["entropy", "step-score", "call-n", "cue", "logprob-select", "rewrite"])(
  "%s",
  { timeout: 240_000 },
  async (spec) => {
    let [small, big] = [0, 0];
    const texts: string[] = [];
    for (let index = 0; index < PROBLEMS; index++) {
      const { usage, segments, finishReason, text, degraded } = await solve(spec, index);
      expect(finishReason).toBe("end-of-turn");
      expect(degraded).toEqual([]);
      expect(text).toMatch(/\\boxed\{\d+\}\.$/u);
      expect(text).not.toMatch(/<\/?(?:bigmodel|call)>/u);
      for (const author of ["small", "big"] as const) {
        const tokens = segments.reduce((sum, part) => sum + (part.author === author ? part.tokens : 0), 0);
        expect(tokens).toBe(author === "small" ? usage.smallTokens : usage.bigTokens);
      }
      expect(usage.discardedTokens).toBe(usage.work.small.discarded + usage.work.big.discarded);
      small += usage.smallTokens;
      big += usage.bigTokens;
      texts.push(text);
    }
    expect(big).toBeGreaterThan(0);
    expect(big / (small + big)).toBeLessThan(0.5);
    expect((await solve(spec, 0)).text).toBe(texts[0]);
  },
);
