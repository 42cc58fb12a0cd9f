/** A sequence whose calls tell the breaker how they went. It changes nothing of what the engine answers. */
import type { Piece } from "../core/piece.ts";
import type {
  AppendOutcome,
  GenerateEvent,
  GenerateOptions,
  ScoreOptions,
  ScoreOutcome,
  Sequence,
  SequenceWork,
} from "../engines/engine.ts";
import type { EngineBreaker } from "./engine-breaker.ts";

export class GuardedSequence implements Sequence {
  readonly #sequence: Sequence;
  readonly #breaker: EngineBreaker;
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
    this.#breaker = breaker;
    this.#onClose = hooks.onClose;
    this.#onFork = hooks.onFork;
  }

  get position(): number {
    return this.#sequence.position;
  }

  get work(): SequenceWork {
    return this.#sequence.work;
  }

  /** No proof that the engine works: a remote one may only have noted the text. */
  append(pieces: readonly Piece[], signal?: AbortSignal): Promise<AppendOutcome> {
    return watchCall(this.#breaker, () => this.#sequence.append(pieces, signal), signal);
  }

  generate(options: GenerateOptions, signal?: AbortSignal): AsyncIterable<GenerateEvent> {
    const events = this.#sequence.generate(options, signal);
    return {
      [Symbol.asyncIterator]: () =>
        new WatchedGeneration(events[Symbol.asyncIterator](), this.#breaker, signal),
    };
  }

  async score(pieces: readonly Piece[], options: ScoreOptions, signal?: AbortSignal): Promise<ScoreOutcome> {
    const outcome = await watchCall(
      this.#breaker,
      () => this.#sequence.score(pieces, options, signal),
      signal,
    );
    this.#breaker.succeed();
    return outcome;
  }

  truncate(position: number): Promise<void> {
    return watchCall(this.#breaker, () => this.#sequence.truncate(position));
  }

  async fork(): Promise<Sequence> {
    return this.#onFork(await this.#sequence.fork());
  }

  async close(): Promise<void> {
    this.#onClose(this);
    await this.#sequence.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Runs a call and reports its failure. A call that is given up on is reported as well, if it was given up for a failure: the
 * decoder aborts with the error that says which limit of time was passed.
 */
export async function watchCall<T>(
  breaker: EngineBreaker,
  call: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const onAbort = (): void => breaker.failByAbort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await call();
  } catch (error) {
    if (signal?.aborted !== true) breaker.fail(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** One generation: a success when it ends, or is left, after at least one event; so a model that dies on its way never counts as sound. */
class WatchedGeneration implements AsyncIterator<GenerateEvent, undefined> {
  readonly #events: AsyncIterator<GenerateEvent>;
  readonly #breaker: EngineBreaker;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = (): void => {
    this.#over = true;
    this.#breaker.failByAbort(this.#signal?.reason);
  };
  #received = false;
  #over = false;

  constructor(events: AsyncIterator<GenerateEvent>, breaker: EngineBreaker, signal: AbortSignal | undefined) {
    this.#events = events;
    this.#breaker = breaker;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
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
      if (!this.#over) this.#breaker.fail(error);
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
    if (!this.#over && this.#received) this.#breaker.succeed();
    this.#release();
  }

  #release(): void {
    this.#over = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
