/** The micro domain as a task: problems of its test split, asked as in training. `micro:FILE` takes problems of the domain from a file instead. */
import { isCorrectAnswer, microExample, parseAnswer, type Split, UNSEEN_SEED } from "../../micro/index.ts";
import { generatedTask, type Grader, type TaskDescription } from "./benchmark.ts";
import type { Task, TaskProblem } from "./task.ts";

const gradeMicro: Grader = (text, gold) => {
  const answer = parseAnswer(text);
  return { answer, correct: isCorrectAnswer(answer, Number(gold)) };
};

const problemsOf = (split: Split, count: number, seed: number): TaskProblem[] =>
  Array.from({ length: count }, (_, index) => {
    const { problem, text } = microExample(split, seed, index);
    return { id: problem.id, problem: text, gold: String(problem.answer) };
  });

const testProblems = (count: number, seed: number): TaskProblem[] => problemsOf("test", count, seed);

export const micro: TaskDescription = {
  name: "micro",
  version: "1",
  description:
    "three to five steps of arithmetic modulo 1000, in words; unlimited; micro:FILE: those of a file",
  maxTokens: 512,
  generate: testProblems,
  training: { generate: (count, seed) => problemsOf("train", count, seed + UNSEEN_SEED) },
  grader: gradeMicro,
};

export const microTask: Task = generatedTask(micro, testProblems, gradeMicro);
