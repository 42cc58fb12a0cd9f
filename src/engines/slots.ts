/** A fixed number of slots for sequences. Callers get them in the order of asking. */
import { onAbort } from "../core/async.ts";
import type { ModelId } from "../core/ids.ts";
import { abortedError, closedError, throwIfAborted } from "./cancellation.ts";

interface Waiter {
  readonly accept: () => void;
  readonly refuse: (error: Error) => void;
}

export class Slots {
  readonly #model: ModelId;
  #free: number;
  #closed = false;
  readonly #waiters = new Set<Waiter>();

  constructor(model: ModelId, count: number) {
    this.#model = model;
    this.#free = count;
  }

  /** Takes a slot, or returns false if there is none. */
  tryTake(): boolean {
    if (this.#closed) throw closedError(this.#model, "engine");
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** Waits for a slot. Rejects when aborted or when the engine closes. */
  async take(signal?: AbortSignal): Promise<void> {
    throwIfAborted(this.#model, signal);
    if (this.tryTake()) return;
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter);
        release();
      };
      const waiter: Waiter = {
        accept: () => {
          leave();
          resolve();
        },
        refuse: (error) => {
          leave();
          reject(error);
        },
      };
      const release = onAbort(signal, () => {
        if (signal !== undefined) waiter.refuse(abortedError(this.#model, signal));
      });
      this.#waiters.add(waiter);
    });
  }

  /** Gives a slot back, to the caller who has waited longest. */
  release(): void {
    const [next] = this.#waiters;
    if (next === undefined) this.#free++;
    else next.accept();
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.refuse(closedError(this.#model, "engine"));
  }
}
