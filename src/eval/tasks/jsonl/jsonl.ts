/** Any file of {problem, answer}, graded as mathematics. See README.md. */
import { math500 } from "../math500/math500.ts";
import type { Benchmark } from "../benchmark.ts";

export const jsonl: Benchmark = {
  name: "jsonl",
  version: "1",
  description: "any JSON Lines file of {problem, answer}: jsonl:FILE",
  maxTokens: 32_768,
  prompt: math500.prompt,
  grade: math500.grade,
};
