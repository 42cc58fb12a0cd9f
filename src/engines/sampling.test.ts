import { describe, expect, it } from "vitest";

import { createRng } from "../core/rng.ts";
import { argmax, drawToken, entropyOf, logSumExp } from "./sampling.ts";

const logits = Float64Array.from([1, 3, 2, 3, -Infinity]);

describe("drawToken", () => {
  it("is greedy at temperature 0: the highest, the lowest id among equals", () => {
    expect(argmax(logits)).toBe(1);
    expect(drawToken(logits, { temperature: 0 }, 0.9)).toBe(1);
    expect(drawToken(logits, { temperature: 0, bias: new Map([[1, -0.1]]) }, 0)).toBe(3);
    expect(drawToken(logits, { temperature: 0, bias: new Map([[4, 99]]) }, 0)).toBe(1);
  });

  it("draws by probability", () => {
    const rng = createRng(3);
    const counts = [0, 0, 0, 0, 0];
    const draws = 40_000;
    for (let index = 0; index < draws; index++) {
      const id = drawToken(logits, { temperature: 0.5 }, rng.next());
      counts[id] = (counts[id] ?? 0) + 1;
    }
    const weights = Array.from(logits, (logit) => Math.exp(logit / 0.5));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (const [id, weight] of weights.entries())
      expect((counts[id] ?? 0) / draws).toBeCloseTo(weight / sum, 2);
    expect(counts[4]).toBe(0);
  });

  it("keeps the nucleus, at least one token", () => {
    for (const uniform of [0, 0.3, 0.6, 0.999]) {
      expect([1, 3]).toContain(drawToken(logits, { temperature: 5, topP: 0.7 }, uniform));
      expect(drawToken(logits, { temperature: 5, topP: 0.01 }, uniform)).toBe(1);
    }
  });

  it("says when everything is forbidden", () => {
    expect(drawToken(Float64Array.from([1]), { temperature: 1, bias: new Map([[0, -Infinity]]) }, 0.5)).toBe(
      -1,
    );
  });
});

describe("logSumExp and entropyOf", () => {
  it("agree with hand-computed values", () => {
    expect(logSumExp(Float64Array.from([Math.log(1), Math.log(3)]))).toBeCloseTo(Math.log(4), 12);
    expect(logSumExp(Float64Array.from([1000, 1000]))).toBeCloseTo(1000 + Math.LN2, 9);
    expect(entropyOf(Float64Array.from([5, 5, 5, 5]))).toBeCloseTo(Math.log(4), 12);
    expect(entropyOf(Float64Array.from([0, -Infinity]))).toBe(0);
  });
});
