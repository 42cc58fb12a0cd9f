/** The problems that a pair solves to learn from: never those of an evaluation. */
import { DataError } from "../../core/errors.ts";
import { TASKS } from "../../eval/tasks/index.ts";
import type { Task } from "../../eval/tasks/task.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";

/** An id such as `test-7-12`, `gsm8k-test-3` or `aime_test/4`. */
const NAMES_TEST_SPLIT = /(?:^|[-_/.:])test(?:$|[-_/.:])/iu;
/** Problems of a task without end that are looked at. */
const LOOKED_AT = 1000;

/**
 * Opens a task with its training problems, or those of a file.
 * @throws ConfigError on a name that is no task's, or of a task without training problems. DataError on a file that cannot be used. DataError too
 * where ids or words say that a problem is one of a test split.
 */
export async function openTrainingTask(
  spec: string,
  options: { readonly signal: AbortSignal; readonly fetchRows?: FetchRows },
): Promise<Task> {
  // The graders' parser is slow to load.
  const { openTask } = await import("../../eval/tasks/open.ts");
  const task = await openTask(spec, { ...options, checkAnswers: true, split: "training" });
  const evaluated = TASKS.flatMap(({ recognisedBy }) => recognisedBy ?? []);
  for (const { id, problem } of await task.problems(task.size ?? LOOKED_AT, 0)) {
    const isKnown = evaluated.some((words) => problem.includes(words));
    if (!isKnown && !NAMES_TEST_SPLIT.test(id)) continue;
    throw new DataError(
      `${spec}: the problem ${JSON.stringify(id)} is one of a test split by its ${isKnown ? "text" : "id"}, which is for evaluation only; give problems to train on.`,
      { code: "data-invalid" },
    );
  }
  return task;
}
