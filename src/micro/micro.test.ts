import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createRng } from "../core/rng.ts";
import {
  applyStep,
  generateProblem,
  isCorrectAnswer,
  microExample,
  parseAnswer,
  problemKey,
  type Split,
  splitOf,
  writeDrill,
} from "./index.ts";

const SPLITS: readonly Split[] = ["train", "validation", "test"];
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe("problems", () => {
  it("are pure functions of split, seed and index", () => {
    expect(generateProblem("test", 3, 5)).toEqual(generateProblem("test", 3, 5));
    expect(problemKey(generateProblem("test", 3, 5))).not.toBe(problemKey(generateProblem("test", 4, 5)));
  });

  it("never meet across splits, whatever the seeds", () => {
    const keys = new Map<string, Split>();
    for (const split of SPLITS) {
      for (let index = 0; index < 3000; index++) {
        const problem = generateProblem(split, index % 7, index);
        expect(splitOf(problem)).toBe(split);
        const key = problemKey(problem);
        expect(keys.get(key) ?? split).toBe(split);
        keys.set(key, split);
      }
    }
  });

  it("have 3 to 5 steps, 1 to 3 products, and never leave the range", () => {
    fc.assert(
      fc.property(fc.constantFrom(...SPLITS), seeds, fc.nat(100_000), (split, seed, index) => {
        const problem = generateProblem(split, seed, index);
        expect(problem.steps.length).toBeGreaterThanOrEqual(3);
        expect(problem.steps.length).toBeLessThanOrEqual(5);
        let value = problem.start;
        let products = 0;
        for (const step of problem.steps) {
          expect(step.operand % 10).not.toBe(0);
          if (step.operation === "add") expect(value + step.operand).toBeLessThan(1000);
          if (step.operation === "subtract") expect(value - step.operand).toBeGreaterThanOrEqual(0);
          if (step.operation === "multiply") {
            products++;
            expect(value % 100).toBeGreaterThan(10);
          }
          value = applyStep(value, step);
        }
        expect(products).toBeGreaterThanOrEqual(1);
        expect(products).toBeLessThanOrEqual(3);
        expect(problem.answer).toBe(value);
      }),
      { numRuns: 300 },
    );
  });
});

describe("traces", () => {
  it("say only true equations and end with the answer in a box", () => {
    fc.assert(
      fc.property(seeds, fc.nat(100_000), (seed, index) => {
        const { problem, trace } = microExample("train", seed, index);
        const products = [...trace.text.matchAll(/(\d\d) times (\d\d) is (\d+)\./g)];
        expect(products.length).toBe(problem.steps.filter((step) => step.operation === "multiply").length);
        for (const [, left, right, result] of products)
          expect(Number(left) * Number(right)).toBe(Number(result));
        const chains = [
          ...trace.text.matchAll(/(\d{3}) (plus|minus) (\d0) is (\d{3}),(?: then)? \2 (\d) is (\d{3})\./g),
        ];
        expect(chains.length).toBe(problem.steps.length - products.length);
        for (const [, value, sign, tens, middle, ones, result] of chains) {
          const factor = sign === "plus" ? 1 : -1;
          expect(Number(value) + factor * Number(tens)).toBe(Number(middle));
          expect(Number(middle) + factor * Number(ones)).toBe(Number(result));
        }
        expect(isCorrectAnswer(parseAnswer(trace.text), problem.answer)).toBe(true);
        expect(trace.parts.map((part) => part.text).join("")).toBe(trace.text);
      }),
      { numRuns: 300 },
    );
  });

  it("come in many wordings", () => {
    const shapes = new Set<string>();
    for (let index = 0; index < 200; index++) {
      shapes.add(microExample("train", 1, index).trace.text.replaceAll(/\d/g, "#"));
    }
    expect(shapes.size).toBeGreaterThan(190);
  });

  it("do not say in the problem which step is hard", () => {
    for (let index = 0; index < 200; index++) {
      expect(microExample("train", 1, index).text).not.toMatch(/hard|difficult|bigmodel/i);
    }
  });
});

describe("drills", () => {
  it("state true facts", () => {
    const rng = createRng(1);
    for (let index = 0; index < 500; index++) {
      const product = writeDrill("product", rng).text.match(/^ (\d\d) times (\d\d) is (\d+)\./);
      expect(Number(product?.[1]) * Number(product?.[2])).toBe(Number(product?.[3]));
      const sum = writeDrill("plus", rng).text.match(
        /^ (\d{3}) plus (\d0) is (\d{3}),(?: then)? plus (\d) is (\d{3})\.$/,
      );
      expect(Number(sum?.[1]) + Number(sum?.[2]) + Number(sum?.[4])).toBe(Number(sum?.[5]));
    }
  });
});

describe("answers", () => {
  it("are read from the last box", () => {
    expect(parseAnswer("\\boxed{12} no, \\boxed{ 016 }.")).toBe("16");
    expect(parseAnswer("no box 12")).toBeNull();
    expect(parseAnswer("\\boxed{12345678901234567890}")).toBeNull();
    expect(isCorrectAnswer("16", 16)).toBe(true);
    expect(isCorrectAnswer(null, 0)).toBe(false);
  });
});
