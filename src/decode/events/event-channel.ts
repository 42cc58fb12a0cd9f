/**
 * A producer and one consumer that take turns, as a generator and its loop do: the producer runs only while an event is asked for. It is not
 * a generator because the decoder's events come from several calls down. Handing each through a generator a level would take more
 * time for a token than everything else that the decoder does.
 */

interface Asking<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

export class EventChannel<T> implements AsyncIterator<T, undefined> {
  readonly #produce: (channel: EventChannel<T>) => Promise<void>;
  readonly #onLeave: () => void;
  #asking: Asking<T>[] = [];
  /** The producer has given an event and waits until the next one is asked for. */
  #paused: { readonly resume: () => void; readonly fail: (error: unknown) => void } | undefined;
  #running: Promise<void> | undefined;
  #left: ConsumerLeft | undefined;
  #isOver = false;

  /**
   * `produce` starts with the first {@link next}; the stream ends, or throws, when it does. `onLeave` is told when the consumer
   * leaves before: it should stop what the producer waits for.
   */
  constructor(produce: (channel: EventChannel<T>) => Promise<void>, onLeave: () => void) {
    this.#produce = produce;
    this.#onLeave = onLeave;
  }

  /** Gives an event; resolves when the next one is asked for. Throws when the consumer has left. */
  emit(event: T): Promise<void> {
    if (this.#left !== undefined) return Promise.reject(this.#left);
    this.#asking.shift()?.resolve({ value: event, done: false });
    if (this.#asking.length > 0) return Promise.resolve();
    return new Promise((resume, fail) => {
      this.#paused = { resume, fail };
    });
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      this.#asking.push({ resolve, reject });
      if (this.#running === undefined) {
        this.#running = this.#run();
        return;
      }
      const paused = this.#paused;
      this.#paused = undefined;
      if (paused !== undefined) paused.resume();
      else if (this.#isOver) this.#endAll();
    });
  }

  /** Leaves: resolves when the producer has ended. What it throws from then on is dropped. */
  async return(): Promise<IteratorResult<T, undefined>> {
    if (this.#running !== undefined && !this.#isOver) {
      this.#left = new ConsumerLeft();
      this.#onLeave();
      this.#paused?.fail(this.#left);
      this.#paused = undefined;
      await this.#running;
    }
    this.#running ??= Promise.resolve();
    this.#isOver = true;
    return { value: undefined, done: true };
  }

  async #run(): Promise<void> {
    try {
      await this.#produce(this);
    } catch (error) {
      if (this.#left === undefined) this.#asking.shift()?.reject(error);
    }
    this.#isOver = true;
    this.#endAll();
  }

  #endAll(): void {
    const asking = this.#asking;
    this.#asking = [];
    for (const { resolve } of asking) resolve({ value: undefined, done: true });
  }
}

/** Thrown by {@link EventChannel.emit} once the consumer has left. */
class ConsumerLeft extends Error {
  constructor() {
    super("the consumer of the events has left");
    this.name = "ConsumerLeft";
  }
}
