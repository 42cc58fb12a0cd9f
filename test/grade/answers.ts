/** The answers that graders are compared on. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { z } from "zod";

import { createRng } from "../../src/core/rng.ts";
import { likeAnswers } from "./rewrites.ts";

const BENCHMARKS = join(import.meta.dirname, "..", "..", "..", "shared", "data", "benchmarks");
const row = z.object({ answer: z.string() });

/** Our own answers, of the same kinds as those of benchmarks. */
export function ownAnswers(count: number, seed: number): readonly string[] {
  const kinds = z
    .record(z.string(), z.array(z.string()))
    .parse(JSON.parse(readFileSync(join(import.meta.dirname, "answers.json"), "utf8")));
  return likeAnswers(Object.values(kinds).flat(), count, createRng(seed));
}

/** All answers of MATH-500 and AIME 2024 and some of GSM8K; undefined without their files, which must not be committed. */
export function benchmarkAnswers(): readonly string[] | undefined {
  const files = ["math500", "aime24", "gsm8k"].map((name) => join(BENCHMARKS, `${name}.jsonl`));
  if (!files.every((file) => existsSync(file))) return undefined;
  const answers = files.flatMap((file) =>
    readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => row.parse(JSON.parse(line)).answer),
  );
  return [...new Set(answers.slice(0, 700))];
}

export const BENCHMARKS_MISSING = `the benchmarks' files are not in ${BENCHMARKS}`;
