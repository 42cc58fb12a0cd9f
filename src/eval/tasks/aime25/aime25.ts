/** AIME 2025: 30 problems, each answer a whole number from 0 to 999. See README.md. */
import { gradeNumber } from "../../graders/index.ts";
import { type Benchmark, BOXED_LINE } from "../benchmark.ts";

export const aime25: Benchmark = {
  name: "aime25",
  version: "1",
  description: "AIME 2025: 30 problems of a competition, answers from 0 to 999",
  maxTokens: 32_768,
  hub: { repository: "yentinglin/aime_2025", split: "train" },
  prompt: ({ problem }) => `${problem}\n\n${BOXED_LINE}`,
  grade: (text, { gold }) => gradeNumber(text, gold, { lastNumberCounts: false }),
};
