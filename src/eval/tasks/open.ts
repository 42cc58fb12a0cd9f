/** Tasks by spec: `NAME` (problems that the task makes, or from the hub), `NAME:FILE` (from a file) or just `FILE.jsonl`. */
import { ConfigError } from "../../core/errors.ts";
import { chosenLetter, extractAnswer, gradeMath, gradeNumber } from "../graders/index.ts";
import {
  benchmarkTask,
  generatedTask,
  type Grader,
  type GraderName,
  type TaskDescription,
} from "./benchmark.ts";
import { CHOICE_LETTERS } from "./choices.ts";
import { FILE_TASK, TASKS } from "./index.ts";
import { type AcceptsAnswer, type FetchRows, problemsOfFile, problemsOfRows } from "./problems.ts";
import type { Task } from "./task.ts";

const GRADERS: Readonly<Record<GraderName, Grader>> = {
  number: (text, gold) => gradeNumber(text, gold, { lastNumberCounts: false }),
  "last-number": (text, gold) => gradeNumber(text, gold, { lastNumberCounts: true }),
  mathematics: (text, gold) => {
    const answer = extractAnswer(text);
    return { answer, correct: answer !== null && gradeMath(gold, answer).equivalent };
  },
  choice: (text, gold) => {
    const answer = chosenLetter(text, CHOICE_LETTERS);
    return { answer, correct: answer === gold };
  },
};

export interface OpenTaskOptions {
  readonly signal: AbortSignal;
  /** Fetches benchmarks from the hub. Without it, they are read from files only. */
  readonly fetchRows?: FetchRows;
  /** Refuses problems whose own answer the task's grader does not accept. */
  readonly checkAnswers?: boolean;
  /** Which problems a task without a file has: those of its evaluation, the default, or those to train on. */
  readonly split?: "training";
}

/** @throws ConfigError on a spec that names no task, DataError when its problems cannot be had. */
export async function openTask(
  spec: string,
  { signal, fetchRows, checkAnswers = false, split }: OpenTaskOptions,
): Promise<Task> {
  const { task, file } = parseTaskSpec(spec);
  const { name } = task;
  const { hub, generate } = (split === "training" ? task.training : task) ?? {};
  const grader = typeof task.grader === "function" ? task.grader : GRADERS[task.grader];
  const accepts = checkAnswers ? acceptsOwn(grader) : undefined;
  if (file !== undefined) return benchmarkTask(task, await problemsOfFile(file, name, accepts), grader);
  if (generate !== undefined) return generatedTask(task, generate, grader);
  if (hub === undefined || fetchRows === undefined) {
    throw new ConfigError(
      `task ${name} needs a file of its ${split === "training" ? "problems to train on" : "problems"}, a line {"problem", "answer"} each: ${name}:FILE.jsonl.`,
      { code: "usage" },
    );
  }
  const rows = await fetchRows(hub, signal);
  return benchmarkTask(task, problemsOfRows(rows, name, hub.repository, accepts), grader);
}

/** Each answer is graded once. */
function acceptsOwn(grader: Grader): AcceptsAnswer {
  const seen = new Map<string, boolean>();
  return (gold) => {
    const known = seen.get(gold) ?? grader(`\\boxed{${gold}}`, gold).correct;
    seen.set(gold, known);
    return known;
  };
}

/** @throws ConfigError naming the tasks there are. */
export function parseTaskSpec(spec: string): { readonly task: TaskDescription; readonly file?: string } {
  const colon = spec.indexOf(":");
  const name = colon < 0 ? spec : spec.slice(0, colon);
  const file = colon < 0 ? undefined : spec.slice(colon + 1);
  const task = TASKS.find((candidate) => candidate.name === name);
  if (task !== undefined && file !== "") return { task, ...(file === undefined ? {} : { file }) };
  if (task === undefined && spec.endsWith(".jsonl")) return { task: FILE_TASK, file: spec };
  throw new ConfigError(
    `unknown task ${JSON.stringify(spec)}; tasks: ${TASKS.map((known) => known.name).join(", ")}, as NAME, NAME:FILE.jsonl or FILE.jsonl.`,
    { code: "usage" },
  );
}
