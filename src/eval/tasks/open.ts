/** Tasks by spec: `micro`, `NAME` (problems from the hub), `NAME:FILE` (from a file, `micro:FILE` too), `jsonl:FILE` or just `FILE.jsonl`. */
import { ConfigError } from "../../core/errors.ts";
import type { Task } from "../task.ts";
import { aime24 } from "./aime24/aime24.ts";
import { aime25 } from "./aime25/aime25.ts";
import { benchmarkTask, type Benchmark } from "./benchmark.ts";
import { gpqaDiamond } from "./gpqa-diamond/gpqa-diamond.ts";
import { gsm8k } from "./gsm8k/gsm8k.ts";
import { jsonl } from "./jsonl/jsonl.ts";
import { math500 } from "./math500/math500.ts";
import { microFile, microTask } from "./micro.ts";
import { type AcceptsAnswer, type FetchRows, problemsOfFile, problemsOfRows } from "./rows.ts";

export const BENCHMARKS: readonly Benchmark[] = [aime24, aime25, math500, gpqaDiamond, gsm8k, jsonl];

export interface OpenTaskOptions {
  readonly signal: AbortSignal;
  /** Without it, benchmarks are read from files only. */
  readonly fetchRows?: FetchRows;
  /** Refuses problems whose own answer the task's grader does not take for right. */
  readonly checkAnswers?: boolean;
}

/** @throws ConfigError on a spec that names no task, DataError when its problems cannot be had. */
export async function openTask(
  spec: string,
  { signal, fetchRows, checkAnswers = false }: OpenTaskOptions,
): Promise<Task> {
  if (spec === microTask.name) return microTask;
  const { benchmark, file } = parseTaskSpec(spec);
  const accepts = checkAnswers ? acceptsOwn(benchmark) : undefined;
  if (file !== undefined)
    return benchmarkTask(benchmark, await problemsOfFile(file, benchmark.name, accepts));
  const { name, hub } = benchmark;
  if (hub === undefined || fetchRows === undefined) {
    throw new ConfigError(
      `task ${name} needs a file of its problems, a line {"problem", "answer"} each: ${name}:FILE.jsonl.`,
      {
        code: "usage",
      },
    );
  }
  const rows = await fetchRows(hub, signal);
  return benchmarkTask(benchmark, problemsOfRows(rows, name, hub.repository, accepts));
}

/** Each answer is graded once. */
function acceptsOwn({ grade }: Benchmark): AcceptsAnswer {
  const seen = new Map<string, boolean>();
  return (gold) => {
    const known = seen.get(gold) ?? grade(`\\boxed{${gold}}`, { id: "", problem: "", gold }).correct;
    seen.set(gold, known);
    return known;
  };
}

/** @throws ConfigError naming the tasks there are. */
export function parseTaskSpec(spec: string): { readonly benchmark: Benchmark; readonly file?: string } {
  const colon = spec.indexOf(":");
  const name = colon < 0 ? spec : spec.slice(0, colon);
  const file = colon < 0 ? undefined : spec.slice(colon + 1);
  const benchmark = [...BENCHMARKS, microFile].find((candidate) => candidate.name === name);
  if (benchmark !== undefined && file !== "") return { benchmark, ...(file === undefined ? {} : { file }) };
  if (benchmark === undefined && spec.endsWith(".jsonl")) return { benchmark: jsonl, file: spec };
  const names = [microTask.name, ...BENCHMARKS.map((known) => known.name)].join(", ");
  throw new ConfigError(
    `unknown task ${JSON.stringify(spec)}; tasks: ${names}, as NAME, NAME:FILE.jsonl or FILE.jsonl.`,
    {
      code: "usage",
    },
  );
}
