/**
 * The problems of a run, to train on and held out: those of the micro domain, or those of tasks as `eval` knows them. A task's problems are asked
 * with its own messages and judged by its own grader. No held-out problem is trained on, whichever file it comes from.
 */
import { ConfigError, DataError } from "../../core/errors.ts";
import type { Piece } from "../../core/piece.ts";
import { createRng } from "../../core/rng.ts";
import type { Pair, PairPrompt } from "../../decode/pair/pair.ts";
import { gradedPart } from "../../eval/graders/cut.ts";
import { taskPrompt } from "../../eval/tasks/prompt.ts";
import type { Task, TaskProblem } from "../../eval/tasks/task.ts";
import type { FetchRows } from "../../eval/tasks/problems.ts";
import { isCorrectAnswer, microExample, parseAnswer, type Split } from "../../micro/index.ts";
import type { TagPair } from "../../tags/index.ts";
import { type ChatMessage, thoughtOpening } from "../../tokenizer/chat-template.ts";
import type { RolloutProblem } from "../../train/grpo/rollout.ts";
import type { ReinforceConfig } from "./config.ts";

export interface ProblemSource {
  /** `count` problems for a training step, new ones for each. */
  training(step: number, count: number): RolloutProblem[];
  heldOut(count: number): RolloutProblem[];
}

function rolloutProblem(
  id: string,
  prompt: PairPrompt,
  isCorrect: (written: string) => boolean,
): RolloutProblem {
  return {
    id,
    prompt,
    opening: thoughtOpening(prompt.prompt),
    grade: (written, finish) => {
      const part = gradedPart(written, finish);
      return part !== null && isCorrect(part);
    },
  };
}

/** Problems of the micro domain: unlimited, and never those of an evaluation. They come from the training and validation splits. */
export function microProblems(pair: Pick<Pair, "render">, seed: number): ProblemSource {
  const problem = (split: Split, index: number): RolloutProblem => {
    const {
      problem: { id, answer },
      text,
    } = microExample(split, seed, index);
    return rolloutProblem(id, pair.render([{ role: "user", content: text }]), (written) =>
      isCorrectAnswer(parseAnswer(written), answer),
    );
  };
  const range = (start: number, count: number): number[] =>
    Array.from({ length: count }, (_, index) => start + index);
  return {
    training: (step, count) => range(step * count, count).map((index) => problem("train", index)),
    heldOut: (count) => range(0, count).map((index) => problem("validation", index)),
  };
}

export interface RunProblems {
  /** Problems of a training step. Steps count from 0; the problems depend on nothing else. */
  readonly training: (step: number) => readonly RolloutProblem[];
  readonly heldOut: readonly RolloutProblem[];
  /** Tokens of the longest prompt. */
  readonly longestPromptTokens: number;
  /** A run is resumed only with an equal identity. */
  readonly identity: unknown;
  /** How many problems there are, how many were left out, and why. Undefined where problems are unlimited. */
  readonly notice: string | undefined;
}

export interface ProblemOptions {
  readonly config: Pick<
    ReinforceConfig,
    "data" | "heldOutData" | "heldOut" | "maxPromptTokens" | "tags" | "grpo"
  >;
  /** Renders messages as the models are served. */
  readonly render: (messages: readonly ChatMessage[]) => PairPrompt;
  readonly countTokens: (prompt: readonly Piece[]) => number;
  /** Tokens of the longest context, prompt and output together. */
  readonly maxPositions: number;
  readonly signal: AbortSignal;
  readonly fetchRows?: FetchRows;
}

const MICRO = "micro";
/** Tokens of a prompt of the micro domain, with room to spare. */
const LONGEST_MICRO_PROMPT = 192;
const LONGEST_PROMPT = 1024;

/** Tokens of the longest prompt that a problem of a file may have. */
export const longestPrompt = ({ maxPromptTokens }: Pick<ReinforceConfig, "maxPromptTokens">): number =>
  maxPromptTokens ?? LONGEST_PROMPT;
/** Seed of the split and of the order of held-out problems. It is the same for all runs, so that they are judged on the same problems. */
const SPLIT_SEED = 0;

/**
 * Reads all problems of a task that fit. Each training step takes the next ones, in an order that is drawn again for each epoch.
 * @throws ConfigError on a name that is no task's, or too few problems for a step; DataError naming the line that cannot be used.
 */
export async function openRunProblems(options: ProblemOptions): Promise<RunProblems> {
  const { config, render } = options;
  const { data, heldOutData = data, heldOut: heldOutCount, grpo } = config;
  const micro = microProblems({ render }, grpo.seed);
  if (data === MICRO && heldOutData === MICRO) {
    return {
      training: (step) => micro.training(step, grpo.problems),
      heldOut: micro.heldOut(heldOutCount),
      longestPromptTokens: LONGEST_MICRO_PROMPT,
      identity: MICRO,
      notice: undefined,
    };
  }
  const opened = data === MICRO ? undefined : await openProblems(data, options);
  const judging = heldOutData === data ? opened : await openHeldOut(heldOutData, options);
  const most = heldOutData === data ? Math.floor((opened?.problems.length ?? 0) / 2) : Infinity;
  const heldOut = judging?.problems.slice(0, Math.min(heldOutCount, most));
  const heldOutTexts = new Set(heldOut?.map(({ problem }) => problem));
  const training = opened?.problems.filter(({ problem }) => !heldOutTexts.has(problem));
  return {
    training:
      opened === undefined || training === undefined
        ? (step) => micro.training(step, grpo.problems)
        : inEpochs(training, opened.asRollout, config),
    heldOut:
      judging === undefined || heldOut === undefined
        ? micro.heldOut(heldOutCount)
        : heldOut.map(judging.asRollout),
    longestPromptTokens: Math.max(
      ...[opened, judging].map((side) => side?.longestPromptTokens ?? LONGEST_MICRO_PROMPT),
    ),
    identity: { training: opened?.identity ?? MICRO, heldOut: judging?.identity ?? MICRO },
    notice: noticeOf(data, { opened, judging, training, heldOut }),
  };
}

interface OpenedProblems {
  /** Problems in the order of the split. */
  readonly problems: readonly TaskProblem[];
  readonly asRollout: (problem: TaskProblem) => RolloutProblem;
  readonly longestPromptTokens: number;
  readonly tooLong: number;
  readonly mostTokens: number;
  readonly identity: string;
}

const openHeldOut = (spec: string, options: ProblemOptions): Promise<OpenedProblems | undefined> =>
  spec === MICRO ? Promise.resolve(undefined) : openProblems(spec, options);

async function openProblems(spec: string, options: ProblemOptions): Promise<OpenedProblems> {
  const { config, render, countTokens, maxPositions, signal, fetchRows } = options;
  if (/^micro:\d+$/u.test(spec)) {
    throw new ConfigError(
      `data ${spec}: rollouts make problems of the micro domain as they need them; write micro, or micro:FILE.jsonl for those of a file.`,
      { code: "config-invalid" },
    );
  }
  // The graders' parser is loaded only where it is needed.
  const { openTask } = await import("../../eval/tasks/open.ts");
  const task = await openTask(spec, {
    signal,
    checkAnswers: true,
    ...(fetchRows === undefined ? {} : { fetchRows }),
  });
  const all = await task.problems(task.size ?? 0, SPLIT_SEED);
  const asRollout = (problem: TaskProblem): RolloutProblem =>
    rolloutProblem(
      problem.id,
      promptOf(task, problem, render, config.tags),
      (written) => task.grade(written, problem).correct,
    );
  const room = maxPositions - config.grpo.maxTokens;
  const mostTokens = Math.min(room, longestPrompt(config));
  const problems: TaskProblem[] = [];
  let longestPromptTokens = 0;
  for (const problem of all) {
    signal.throwIfAborted();
    const { prompt, promptForBig = prompt } = promptOf(task, problem, render, config.tags);
    const tokens = Math.max(countTokens(prompt), countTokens(promptForBig));
    if (tokens > mostTokens) continue;
    problems.push(problem);
    longestPromptTokens = Math.max(longestPromptTokens, tokens);
  }
  if (problems.length === 0) {
    throw new DataError(
      `${spec}: none of its ${all.length} problems has a prompt of at most ${mostTokens} tokens (maxPromptTokens; the model reads ${maxPositions}, ` +
        `of which grpo.maxTokens keeps ${config.grpo.maxTokens} for the output).`,
      { code: "data-invalid" },
    );
  }
  const tooLong = all.length - problems.length;
  return {
    problems,
    asRollout,
    longestPromptTokens,
    tooLong,
    mostTokens,
    identity: `${task.name} ${task.version}`,
  };
}

/** Rollouts are made by a policy that chooses, learned or self, so the small model reads the task's hint. */
const promptOf = (
  task: Task,
  problem: TaskProblem,
  render: ProblemOptions["render"],
  tags: TagPair,
): PairPrompt => taskPrompt(task, problem, render, { readsHint: true }, tags);

/** Problems by epoch. The rest of an epoch that does not fill a training step is left out, so that no problem is twice in a step. */
function inEpochs(
  problems: readonly TaskProblem[],
  asRollout: OpenedProblems["asRollout"],
  { data, grpo }: ProblemOptions["config"],
): RunProblems["training"] {
  const { problems: count, seed } = grpo;
  const steps = Math.floor(problems.length / count);
  if (steps === 0) {
    throw new ConfigError(
      `${data} has ${problems.length} problems to train on, and a step takes ${count}: lower --problems (grpo.problems), or --held-out-problems.`,
      { code: "config-invalid" },
    );
  }
  let order: { readonly epoch: number; readonly problems: readonly TaskProblem[] } | undefined;
  return (step) => {
    const epoch = Math.floor(step / steps);
    if (order?.epoch !== epoch) {
      const rng = createRng(seed).fork(`epoch ${epoch}`);
      order = { epoch, problems: rng.shuffle([...problems]) };
    }
    const start = (step % steps) * count;
    return order.problems.slice(start, start + count).map(asRollout);
  };
}

interface Sides {
  readonly opened: OpenedProblems | undefined;
  readonly judging: OpenedProblems | undefined;
  readonly training: readonly TaskProblem[] | undefined;
  readonly heldOut: readonly TaskProblem[] | undefined;
}

function noticeOf(data: string, { opened, judging, training, heldOut }: Sides): string {
  const isSplit = opened === judging;
  const known = (opened?.problems.length ?? 0) - (isSplit ? (heldOut?.length ?? 0) : 0);
  const shared = known - (training?.length ?? 0);
  const tooLong = (side: OpenedProblems | undefined): string[] =>
    side === undefined || side.tooLong === 0
      ? []
      : [`${side.tooLong} left out with a prompt of more than ${side.mostTokens} tokens`];
  return [
    `${data}: ${training?.length ?? "unlimited"} problems to train on, ${heldOut?.length ?? "unlimited"} held out`,
    ...tooLong(opened),
    ...(isSplit ? [] : tooLong(judging)),
    ...(shared > 0 ? [`${shared} not trained on as they are among those held out`] : []),
  ].join("; ");
}
