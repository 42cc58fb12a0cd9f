import type { Turns } from "../turns.ts";

/**
 * Calls of many sequences into one llama.cpp context, in waves. Calls that arrive while a wave runs start together as the next wave, and all
 * calls of a wave are answered together. So sequences that decode at once share batches. Without waves they fall out of step, and 32
 * sequences end up in batches of 6.
 */
export class Waves {
  readonly #turns: Turns | undefined;
  readonly #waiting: (() => void)[] = [];
  /** Calls of the running wave that have not ended. */
  #running = 0;
  #answers: (() => void)[] = [];
  #scheduled = false;
  #asked = 0;
  /** Number of calls in the last wave. */
  #last = 0;

  /** @param turns Set if the model waits for its turn before each wave. */
  constructor(turns?: Turns) {
    this.#turns = turns;
  }

  /** Number of calls that were not answered yet. */
  get active(): number {
    return this.#asked;
  }

  /** Number of calls in the running wave. */
  get size(): number {
    return this.#running;
  }

  /** Runs a call in the next wave. @param evaluate The call. It must not call `run`: it would wait for its own wave. */
  async run<Result>(evaluate: () => Promise<Result>): Promise<Result> {
    this.#asked++;
    try {
      if (this.#isAlone()) this.#begin(1);
      else await this.#nextWave();
      try {
        return await evaluate();
      } finally {
        await this.#waveAnswered();
      }
    } finally {
      this.#asked--;
    }
  }

  /**
   * Whether a call starts without waiting for others. After a wave of several calls, the first that is asked for is not alone: the others
   * follow in the same turn of the event loop. It would take a whole pass through the model for itself in every round.
   */
  #isAlone(): boolean {
    return this.#asked === 1 && this.#last <= 1 && this.#turns === undefined;
  }

  #begin(calls: number): void {
    this.#running = calls;
    this.#last = calls;
  }

  #nextWave(): Promise<void> {
    const started = new Promise<void>((start) => this.#waiting.push(start));
    if (this.#running === 0) this.#schedule();
    return started;
  }

  #waveAnswered(): Promise<void> | undefined {
    this.#running--;
    if (this.#running > 0) return new Promise<void>((answer) => this.#answers.push(answer));
    for (const answer of this.#answers.splice(0)) answer();
    if (this.#waiting.length > 0 || this.#turns !== undefined) this.#schedule();
    return undefined;
  }

  /** Starts the next wave after the code that the last answers set off, so that its calls join the wave. Without calls, the turn ends. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const start = (): void => {
      this.#scheduled = false;
      // A call that was alone has begun meanwhile.
      if (this.#running > 0) return;
      const wave = this.#waiting.splice(0);
      this.#begin(wave.length);
      for (const begin of wave) begin();
    };
    setImmediate(() => {
      if (this.#turns === undefined) start();
      else if (this.#waiting.length > 0) this.#turns.take(this, start);
      else {
        this.#scheduled = false;
        this.#turns.release(this);
      }
    });
  }
}
