/** For help texts: each task in one line. Kept apart from the tasks, so that help loads no grader. */
export const TASK_HELP: readonly (readonly [name: string, meaning: string])[] = [
  [
    "micro",
    "three to five steps of arithmetic modulo 1000, in words; unlimited; micro:FILE: those of a file",
  ],
  ["aime24", "AIME 2024: 30 problems of a competition, answers from 0 to 999"],
  ["aime25", "AIME 2025: 30 problems of a competition, answers from 0 to 999"],
  ["math500", "MATH-500: 500 competition problems, answers in LaTeX"],
  ["gpqa-diamond", "GPQA-diamond: 198 questions, four choices each; from a file"],
  ["gsm8k", "GSM8K, test: 1,319 word problems of primary school"],
  ["jsonl", "jsonl:FILE, or FILE.jsonl: any {problem, answer}, graded as mathematics"],
];
