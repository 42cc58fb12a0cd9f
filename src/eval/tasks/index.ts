/**
 * The table of tasks. A task is its row here and its line in docs/tasks.md. Help texts, error messages and configurations take the names from this
 * table. A row is data, so reading the table loads no grader. `open.ts` makes a task from a row and its problems.
 */
import type { TaskDescription } from "./benchmark.ts";
import { shuffleChoices } from "./choices.ts";
import { micro } from "./micro.ts";

/** "Put your final answer within \boxed{}." (Paper, prompt of the evaluation). */
const BOXED = "Put your final answer within \\boxed{}.";

/** Any file of problems, graded as mathematics. */
export const FILE_TASK = {
  name: "jsonl",
  version: "1",
  description: "jsonl:FILE, or FILE.jsonl: any {problem, answer}, graded as mathematics",
  maxTokens: 32_768,
  instruction: BOXED,
  grader: "mathematics",
} satisfies TaskDescription;

export const TASKS: readonly TaskDescription[] = [
  micro,
  {
    name: "aime24",
    version: "1",
    description: "AIME 2024: 30 problems of a competition, answers from 0 to 999",
    maxTokens: 32_768,
    hub: { repository: "HuggingFaceH4/aime_2024", split: "train" },
    instruction: BOXED,
    grader: "number",
  },
  {
    name: "aime25",
    version: "1",
    description: "AIME 2025: 30 problems of a competition, answers from 0 to 999",
    maxTokens: 32_768,
    hub: { repository: "yentinglin/aime_2025", split: "train" },
    instruction: BOXED,
    grader: "number",
  },
  {
    name: "math500",
    version: "1",
    description: "MATH-500: 500 competition problems, answers in LaTeX",
    maxTokens: 32_768,
    hub: { repository: "HuggingFaceH4/MATH-500", split: "test" },
    instruction: BOXED,
    grader: "mathematics",
  },
  {
    name: "gpqa-diamond",
    version: "1",
    description: "GPQA-diamond: 198 questions, four choices each; from a file",
    maxTokens: 32_768,
    prepare: shuffleChoices,
    instruction: "Put the letter of your choice within \\boxed{}.",
    grader: "choice",
  },
  {
    name: "gsm8k",
    version: "1",
    description: "GSM8K, test: 1,319 word problems of primary school",
    maxTokens: 2048,
    hub: { repository: "openai/gsm8k", config: "main", split: "test" },
    training: { hub: { repository: "openai/gsm8k", config: "main", split: "train" } },
    recognisedBy: "ducks lay 16 eggs per day",
    instruction: BOXED,
    grader: "last-number",
  },
  FILE_TASK,
];
