/**
 * Compares our grader with Python's math-verify. Both judge answers that were rewritten to the same or to something else. The answers are those of
 * the benchmarks, or our own of the same kinds without the benchmarks' files. disagreements.json judges every kind of disagreement.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";
import { z } from "zod";

import { createRng } from "../../src/core/rng.ts";
import { gradeMath } from "../../src/eval/graders/index.ts";
import { PACKAGES_TIMEOUT_MS, pythonPackages, pythonProgram } from "../support/python-packages.ts";
import { benchmarkAnswers, ownAnswers } from "./answers.ts";
import { type AnswerPair, answerPairs } from "./rewrites.ts";

const PINNED = [
  "math-verify==0.9.0",
  "latex2sympy2-extended==1.11.0",
  "antlr4-python3-runtime==4.13.2",
  "sympy==1.14.0",
  "mpmath==1.3.0",
];
const PAIRS = 3000;
const LEAST_AGREEMENT = 0.98;

/** Disagreements of one kind: the rewriting of the answer, and both verdicts. */
const judgement = z.strictObject({
  rewrite: z.string(),
  ours: z.boolean(),
  theirs: z.boolean(),
  example: z.tuple([z.string(), z.string()]),
  right: z.enum(["ours", "theirs"]),
  why: z.string(),
});

let packages = "";
beforeAll(async () => {
  packages = await pythonPackages("math-verify", PINNED, "the comparisons with math-verify");
}, PACKAGES_TIMEOUT_MS);

it("agrees with math-verify", { timeout: 30 * 60_000 }, async () => {
  const judged = z
    .array(judgement)
    .parse(JSON.parse(readFileSync(join(import.meta.dirname, "disagreements.json"), "utf8")));
  const benchmarks = benchmarkAnswers();
  const pairs =
    benchmarks === undefined
      ? answerPairs(ownAnswers(700, 1), PAIRS, createRng(2))
      : answerPairs(benchmarks, PAIRS, createRng(3));
  expect(pairs).toHaveLength(PAIRS);

  const theirs = await mathVerify(pairs);
  const disagreements = pairs.flatMap(({ gold, pred, rewrite, same }, index) => {
    const { equivalent } = gradeMath(gold, pred);
    const verdict = theirs[index] ?? false;
    return equivalent === verdict ? [] : [{ gold, pred, rewrite, same, ours: equivalent, theirs: verdict }];
  });
  const agreement = 1 - disagreements.length / PAIRS;
  expect(agreement, JSON.stringify(disagreements, null, 1)).toBeGreaterThanOrEqual(LEAST_AGREEMENT);

  const unjudged = disagreements.filter(
    (found) =>
      !judged.some(
        ({ rewrite, ours, right }) =>
          rewrite === found.rewrite &&
          ours === found.ours &&
          // The side that is right must also agree with the rewriting.
          (right === "ours") === (found.ours === found.same),
      ),
  );
  expect(unjudged).toEqual([]);
});

function mathVerify(pairs: readonly AnswerPair[]): Promise<(boolean | null)[]> {
  const script = join(import.meta.dirname, "..", "python", "math_verify_pairs.py");
  return new Promise((resolve, reject) => {
    const child = spawn(pythonProgram(), [script], {
      env: { ...process.env, PYTHONPATH: packages, PYTHONUTF8: "1", PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) {
        resolve(z.array(z.boolean().nullable()).parse(JSON.parse(Buffer.concat(output).toString("utf8"))));
      } else reject(new Error(`math-verify ended with ${status}: ${Buffer.concat(errors).toString("utf8")}`));
    });
    child.stdin.end(JSON.stringify(pairs.map(({ gold, pred }) => [gold, pred])));
  });
}
