/** The sampling of a run of rollouts: several samples at a time, each kept when it is whole, within a budget. */
import { forEachConcurrent } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import { digestOf } from "../../core/digest.ts";
import { EngineError } from "../../core/errors.ts";
import type { AnnotationJournal } from "../../data/annotate/journal.ts";
import type { SplitEvent } from "../../decode/index.ts";
import type { Pair } from "../../decode/pair/pair.ts";
import { type Arm, DEFAULT_RANDOM_CHUNK } from "../../eval/arms/arms.ts";
import { runSample } from "../../eval/run/runner.ts";
import { createSolver } from "../../eval/run/solver.ts";
import type { Task, TaskProblem } from "../../eval/tasks/task.ts";
import { SampleParts, sampleSchema } from "./sample.ts";

/** Limits after which no further sample begins. Those under way end. */
export interface RolloutBudget {
  /** Samples of all calls. */
  readonly samples?: number | undefined;
  /** Tokens of both authors, those of earlier calls and of samples under way included. */
  readonly tokens?: number | undefined;
  /** Time of this call. */
  readonly timeMs?: number | undefined;
}

export interface RolloutProgress {
  readonly done: number;
  /** Samples of earlier calls among `done`. */
  readonly before: number;
  readonly wanted: number;
  readonly right: number;
  readonly failed: number;
  /** Tokens of the output in this call, of unfinished samples too. */
  readonly tokens: number;
  readonly bigTokens: number;
}

export interface SamplingOptions {
  readonly task: Task;
  readonly problems: readonly TaskProblem[];
  readonly samples: number;
  readonly seed: number;
  readonly arm: Arm;
  readonly pair: Pair;
  readonly budget: RolloutBudget;
  readonly concurrency: number;
  readonly journal: AnnotationJournal;
  readonly clock: Clock;
  readonly onProgress: ((progress: RolloutProgress) => void) | undefined;
}

interface Job {
  readonly index: number;
  readonly problem: TaskProblem;
  readonly sample: number;
}

/** So many failures one after the other end the run: a model is away. */
const MAX_FAILURES_IN_A_ROW = 8;

const problemDigest = ({ id, problem, gold }: TaskProblem): string => digestOf([id, problem, gold]);

export class Sampling {
  readonly #options: SamplingOptions;
  readonly wanted: number;
  #done = 0;
  #before = 0;
  #right = 0;
  #failed = 0;
  #failedInARow = 0;
  #firstError: string | undefined;
  #begun = 0;
  /** Tokens of earlier calls. */
  #spent = 0;
  #tokens = 0;
  #bigTokens = 0;
  #startMs: number | undefined;
  #endMs = 0;

  constructor(options: SamplingOptions) {
    this.#options = options;
    this.wanted = options.problems.length * options.samples;
  }

  get done(): number {
    return this.#done;
  }

  get failed(): number {
    return this.#failed;
  }

  get firstError(): string | undefined {
    return this.#firstError;
  }

  get tokensPerSecond(): number | undefined {
    if (this.#startMs === undefined || this.#endMs <= this.#startMs) return undefined;
    return (1000 * this.#tokens) / (this.#endMs - this.#startMs);
  }

  /** @throws the signal's reason; ConfigError; EngineError when samples fail one after the other. */
  async run(signal: AbortSignal): Promise<"done" | "out-of-budget"> {
    const jobs = this.#openJobs();
    this.#before = this.#done;
    this.#report();
    if (jobs.length === 0) return "done";
    const { clock, concurrency } = this.#options;
    this.#startMs = clock.nowMs();
    try {
      const affordable = this.#affordable(jobs);
      await forEachConcurrent(affordable, concurrency, signal, (job, link) => this.#runJob(job, link));
    } finally {
      this.#endMs = clock.nowMs();
    }
    return this.#begun < jobs.length ? "out-of-budget" : "done";
  }

  /** Reads the journal: counts what is there, and returns what is missing. Every problem gets a sample before any gets another. */
  #openJobs(): Job[] {
    const { problems, samples, journal } = this.#options;
    const known = problems.map((problem, index) => {
      journal.requireSame(index, problemDigest(problem));
      return new Set(
        journal.factsOf(index).map((fact) => {
          const { sample, correct, smallTokens, bigTokens } = sampleSchema.parse(fact);
          this.#spent += smallTokens + bigTokens;
          if (sample < samples) this.#done++;
          if (sample < samples && correct) this.#right++;
          return sample;
        }),
      );
    });
    return Array.from({ length: samples }, (_, sample) =>
      problems.flatMap((problem, index) =>
        known[index]?.has(sample) === true ? [] : [{ index, problem, sample }],
      ),
    ).flat();
  }

  *#affordable(jobs: readonly Job[]): Generator<Job> {
    const { budget, clock } = this.#options;
    for (const job of jobs) {
      const timeMs = clock.nowMs() - (this.#startMs ?? 0);
      if (this.#before + this.#begun >= (budget.samples ?? Infinity)) return;
      if (this.#spent + this.#tokens >= (budget.tokens ?? Infinity)) return;
      if (timeMs >= (budget.timeMs ?? Infinity)) return;
      this.#begun++;
      yield job;
    }
  }

  async #runJob({ index, problem, sample }: Job, signal: AbortSignal): Promise<void> {
    const { task, pair, seed, arm, clock, journal } = this.#options;
    const { config, small, big } = pair;
    const parts = new SampleParts(
      (author) =>
        small.capabilities.tokenIds &&
        (author === "small" || (big?.vocabulary === small.vocabulary && big.capabilities.tokenIds)),
    );
    const solve = createSolver({
      task,
      tuned: pair,
      maxTokens: config.maxTokens,
      sampling: config.sampling,
      dial: config.dial,
      options: config.options,
      randomChunk: DEFAULT_RANDOM_CHUNK,
      onEvent: (event) => {
        parts.push(event);
        this.#saw(event);
      },
    });
    const row = await runSample({ task, seed }, { arm, problem, sample }, { solve, clock }, signal);
    if (row.error !== undefined) return this.#fail(row.error);
    this.#failedInARow = 0;
    journal.keepFact(index, problemDigest(problem), parts.sampleOf(row));
    this.#done++;
    if (row.correct) this.#right++;
    this.#report();
  }

  #saw(event: SplitEvent): void {
    if (event.type !== "segment-delta") return;
    this.#tokens += event.tokens.length;
    if (event.author === "big") this.#bigTokens += event.tokens.length;
    this.#report();
  }

  #fail(error: string): void {
    this.#failed++;
    this.#firstError ??= error;
    this.#failedInARow++;
    if (this.#failedInARow < MAX_FAILURES_IN_A_ROW) return this.#report();
    throw new EngineError(
      `${this.#failedInARow} samples failed one after the other, the last: ${error}; the same command tries them again.`,
      { code: "engine-failed" },
    );
  }

  #report(): void {
    const [done, right, failed] = [this.#done, this.#right, this.#failed];
    const [tokens, bigTokens] = [this.#tokens, this.#bigTokens];
    const { wanted } = this;
    this.#options.onProgress?.({ done, before: this.#before, wanted, right, failed, tokens, bigTokens });
  }
}
