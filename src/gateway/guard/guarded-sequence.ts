/**
 * A sequence whose calls report to the circuit breaker, with one verdict: a failure at once, a success when the sequence is closed.
 * An engine that dies in the middle of every request therefore never counts as sound. Results pass through unchanged.
 */
import { onAbort } from "../../core/async.ts";
import type { Piece } from "../../core/piece.ts";
import type {
  AppendOutcome,
  GenerateEvent,
  GenerateOptions,
  ScoreOptions,
  ScoreOutcome,
  Sequence,
  SequenceWork,
} from "../../engines/engine.ts";
import type { EngineBreaker } from "./engine-breaker.ts";

/** Receives the failures of calls. */
interface Judge {
  fail(error: unknown): void;
  failByAbort(reason: unknown): void;
}

/** The verdict of one sequence about its engine. */
class Verdict implements Judge {
  readonly #breaker: EngineBreaker;
  #worked = false;
  #failed = false;

  constructor(breaker: EngineBreaker) {
    this.#breaker = breaker;
  }

  /** Notes that the engine did what was asked. */
  worked(): void {
    this.#worked = true;
  }

  fail(error: unknown): void {
    if (!this.#failed) this.#failed = this.#breaker.fail(error);
  }

  failByAbort(reason: unknown): void {
    if (!this.#failed) this.#failed = this.#breaker.failByAbort(reason);
  }

  close(): void {
    if (this.#worked && !this.#failed) this.#breaker.succeed();
    this.#worked = false;
  }
}

export class GuardedSequence implements Sequence {
  readonly #sequence: Sequence;
  readonly #verdict: Verdict;
  readonly #onClose: (closed: GuardedSequence) => void;
  readonly #onFork: (forked: Sequence) => Sequence;

  constructor(
    sequence: Sequence,
    breaker: EngineBreaker,
    hooks: {
      readonly onClose: (closed: GuardedSequence) => void;
      readonly onFork: (forked: Sequence) => Sequence;
    },
  ) {
    this.#sequence = sequence;
    this.#verdict = new Verdict(breaker);
    this.#onClose = hooks.onClose;
    this.#onFork = hooks.onFork;
  }

  get position(): number {
    return this.#sequence.position;
  }

  get work(): SequenceWork {
    return this.#sequence.work;
  }

  /** Reads pieces. This proves nothing about the engine: a remote one may only have noted the text. */
  append(pieces: readonly Piece[], signal?: AbortSignal): Promise<AppendOutcome> {
    return watchCall(this.#verdict, () => this.#sequence.append(pieces, signal), signal);
  }

  generate(options: GenerateOptions, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    const events = this.#sequence.generate(options, signal);
    return {
      [Symbol.asyncIterator]: () =>
        new WatchedGeneration(events[Symbol.asyncIterator](), this.#verdict, signal),
    };
  }

  async score(pieces: readonly Piece[], options: ScoreOptions, signal?: AbortSignal): Promise<ScoreOutcome> {
    const outcome = await watchCall(
      this.#verdict,
      () => this.#sequence.score(pieces, options, signal),
      signal,
    );
    this.#verdict.worked();
    return outcome;
  }

  truncate(position: number): Promise<void> {
    return watchCall(this.#verdict, () => this.#sequence.truncate(position));
  }

  async fork(): Promise<Sequence> {
    return this.#onFork(await this.#sequence.fork());
  }

  async close(): Promise<void> {
    this.#onClose(this);
    this.#verdict.close();
    await this.#sequence.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Runs a call and reports its failure. A call that was aborted because of a failure is reported as well: the decoder aborts with
 * the error that names the time limit.
 */
export async function watchCall<T>(judge: Judge, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const release = onLaterAbort(signal, () => judge.failByAbort(signal?.reason));
  try {
    return await call();
  } catch (error) {
    if (signal?.aborted !== true) judge.fail(error);
    throw error;
  } finally {
    release();
  }
}

/** A call that was aborted before it reached the engine says nothing about the engine. */
const onLaterAbort = (signal: AbortSignal | undefined, listener: () => void): (() => void) =>
  onAbort(signal?.aborted === true ? undefined : signal, listener);

/** One generation. It worked if there was at least one event when it ended or was left. */
class WatchedGeneration implements AsyncIterator<GenerateEvent, undefined> {
  readonly #events: AsyncIterator<GenerateEvent>;
  readonly #verdict: Verdict;
  readonly #unlisten: () => void;
  #received = false;
  #over = false;

  constructor(events: AsyncIterator<GenerateEvent>, verdict: Verdict, signal: AbortSignal | undefined) {
    this.#events = events;
    this.#verdict = verdict;
    this.#unlisten = onLaterAbort(signal, () => {
      this.#over = true;
      verdict.failByAbort(signal?.reason);
    });
  }

  async next(): Promise<IteratorResult<GenerateEvent, undefined>> {
    try {
      const step = await this.#events.next();
      if (step.done === true) {
        this.#end();
        return { done: true, value: undefined };
      }
      this.#received = true;
      if (step.value.type === "end") this.#end();
      return step;
    } catch (error) {
      if (!this.#over) this.#verdict.fail(error);
      this.#release();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<GenerateEvent, undefined>> {
    this.#end();
    await this.#events.return?.();
    return { done: true, value: undefined };
  }

  #end(): void {
    if (!this.#over && this.#received) this.#verdict.worked();
    this.#release();
  }

  #release(): void {
    this.#over = true;
    this.#unlisten();
  }
}
