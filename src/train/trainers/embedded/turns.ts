/** Runs calls one after another, in the order in which they were made. */
import { TrainError } from "../../../core/errors.ts";

export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Rejects once {@link close} was called. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => {
      if (this.#closed) throw new TrainError("the trainer is closed.", { code: "train-invalid" });
      return work();
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Calls made before it are made. */
  close(work: () => Promise<void>): Promise<void> {
    return this.take(() => {
      this.#closed = true;
      return work();
    });
  }
}
