/**
 * Lets models that use the same cores compute by turns, for jobs with many sequences. A model keeps its turn while calls come, and then the
 * next model finds the calls of many sequences waiting, for full batches. Without turns, each model computes whatever waits at the moment, in
 * batches of a few sequences, and both compete for the cores. Of a single sequence, only one model computes at a time anyway.
 */

/** Most batches of one turn while others wait. It bounds how long they wait. */
const LONGEST_TURN = 24;

interface Waiting {
  readonly who: object;
  readonly start: () => void;
}

export class Turns {
  #holder: object | undefined;
  #batches = 0;
  readonly #waiting: Waiting[] = [];

  /** Calls `start` when a model may begin a batch: at once, if it has the turn or nobody has. @param who The same object for a model's batches. */
  take(who: object, start: () => void): void {
    if (this.#holder === undefined) this.#give({ who, start });
    else if (this.#holder !== who) this.#waiting.push({ who, start });
    else if (this.#waiting.length === 0 || this.#batches < LONGEST_TURN) this.#begin(start);
    else {
      this.#waiting.push({ who, start });
      this.#next();
    }
  }

  /** Ends a model's turn, if it has it: it has nothing more to compute for now. */
  release(who: object): void {
    if (this.#holder === who) this.#next();
  }

  #next(): void {
    this.#holder = undefined;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#give(next);
  }

  #give({ who, start }: Waiting): void {
    this.#holder = who;
    this.#batches = 0;
    this.#begin(start);
  }

  #begin(start: () => void): void {
    this.#batches++;
    start();
  }
}
