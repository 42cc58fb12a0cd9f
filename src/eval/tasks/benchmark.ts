/** Makes a task from a description and problems. Its version contains a digest of the problems, so results on other data do not pass as the same. */
import { digestOf } from "../../core/digest.ts";
import { ConfigError } from "../../core/errors.ts";
import type { TagPair } from "../../tags/index.ts";
import { createRng } from "../../core/rng.ts";
import type { Grade, Task, TaskProblem } from "./task.ts";

/** A data set as the hub names it. */
export interface HubDataset {
  /** `OWNER/NAME`. */
  readonly repository: string;
  readonly config?: string;
  readonly split: string;
}

/** Judges a text that was written for a problem with the answer `gold`. Never throws. */
export type Grader = (text: string, gold: string) => Grade;

/**
 * Graders that `open.ts` loads. `number`: boxed, or after "answer is". `last-number`: the last number of the text too. `mathematics`: equal as
 * mathematics. `choice`: a letter.
 */
export type GraderName = "number" | "last-number" | "mathematics" | "choice";

/** A task without its problems: a row of the table. */
export interface TaskDescription {
  readonly name: string;
  /** Version of prompt and grading. */
  readonly version: string;
  /** One line for help texts. */
  readonly description: string;
  /** Limit on generated tokens that leaves ample room for a whole solution. */
  readonly maxTokens: number;
  /** The data set of the problems on the hub. A task without one reads files only, unless it generates problems. */
  readonly hub?: HubDataset;
  /** Makes problems without end, in a fixed order for a seed. */
  readonly generate?: (count: number, seed: number) => readonly TaskProblem[];
  /** Where problems to train on come from, none of which is ever evaluated. Without it, they come from files only. */
  readonly training?: Pick<TaskDescription, "hub" | "generate">;
  /** Words of one problem of the evaluation, by which a file of them is recognised when it is given to train on. */
  readonly recognisedBy?: string;
  /** Changes a problem before it is asked, e.g. the order of its choices. */
  readonly prepare?: (problem: TaskProblem, seed: number) => TaskProblem;
  /** A line after the problem, in the user's turn. Without one the bare problem is asked, and the small model gets no hint about tags either. */
  readonly instruction?: string;
  readonly grader: GraderName | Grader;
}

/** The paper's hint, for the small model where it may hand over. */
const hint = ({ open, close }: TagPair): string =>
  `You always use ${open}...${close} to mark parts of the reasoning process that are important.`;

/** A task that generates its problems. */
export function generatedTask(
  description: TaskDescription,
  generate: NonNullable<TaskDescription["generate"]>,
  grader: Grader,
): Task {
  return {
    ...commonParts(description, grader),
    version: description.version,
    problems: async (count, seed) => generate(count, seed),
  };
}

/** A task over a fixed set of problems. */
export function benchmarkTask(
  description: TaskDescription,
  all: readonly TaskProblem[],
  grader: Grader,
): Task {
  const { name, prepare = (problem) => problem } = description;
  return {
    ...commonParts(description, grader),
    version: `${description.version}+${digestOf(all)}`,
    size: all.length,
    problems: async (count, seed) => {
      if (count > all.length) {
        throw new ConfigError(
          `${name} has ${all.length} problems, ${count} were asked for; leave --problems out for all.`,
          { code: "usage" },
        );
      }
      // A part of a benchmark that is ordered by subject or difficulty would not stand for it.
      const order = createRng(seed)
        .fork(name)
        .shuffle([...all]);
      return order.slice(0, count).map((problem) => prepare(problem, seed));
    },
  };
}

function commonParts(
  { name, maxTokens, instruction }: TaskDescription,
  grader: Grader,
): Pick<Task, "name" | "maxTokens" | "messages" | "hintedMessages" | "grade"> {
  const asked = ({ problem }: TaskProblem): string =>
    instruction === undefined ? problem : `${problem}\n\n${instruction}`;
  const hinted = (problem: TaskProblem, tags: TagPair): string => `${asked(problem)} ${hint(tags)}`;
  return {
    name,
    maxTokens,
    messages: (problem) => [{ role: "user", content: asked(problem) }],
    ...(instruction === undefined
      ? {}
      : { hintedMessages: (problem, tags) => [{ role: "user", content: hinted(problem, tags) }] }),
    grade: (text, { gold }) => grader(text, gold),
  };
}
