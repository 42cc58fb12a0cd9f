/** GSM8K, test split: 1,319 word problems, each answer a number. See README.md. */
import { gradeNumber } from "../../graders/index.ts";
import { type Benchmark, BOXED_LINE } from "../benchmark.ts";

export const gsm8k: Benchmark = {
  name: "gsm8k",
  version: "1",
  description: "GSM8K, test: 1,319 word problems of primary school",
  maxTokens: 2048,
  hub: { repository: "openai/gsm8k", config: "main", split: "test" },
  prompt: ({ problem }) => `${problem}\n\n${BOXED_LINE}`,
  grade: (text, { gold }) => gradeNumber(text, gold, { lastNumberCounts: true }),
};
