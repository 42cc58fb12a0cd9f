/** Every task by name. */
import { ConfigError } from "../../core/errors.ts";
import type { Task } from "../task.ts";
import { microTask } from "./micro.ts";

const TASKS: readonly Task[] = [microTask];

/** @throws ConfigError naming the tasks there are. */
export function taskByName(name: string): Task {
  const task = TASKS.find((candidate) => candidate.name === name);
  if (task !== undefined) return task;
  throw new ConfigError(
    `unknown task ${JSON.stringify(name)}; tasks: ${TASKS.map((known) => known.name).join(", ")}.`,
    { code: "usage" },
  );
}
