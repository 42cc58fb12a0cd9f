/**
 * Calls of many sequences into one llama.cpp context, in waves: what was asked for while one runs starts together with the next, and all
 * of a wave is answered together. So sequences that decode at once share batches; answered one by one, they fall out of step, and 32 of
 * them end up in batches of 6.
 */
export class Waves {
  readonly #waiting: (() => void)[] = [];
  /** Calls of the wave that runs, and those to answer with it. */
  #running = 0;
  #answers: (() => void)[] = [];
  #scheduled = false;
  #asked = 0;

  /** Calls asked for and not answered. */
  get active(): number {
    return this.#asked;
  }

  /** Calls of the wave that runs. */
  get size(): number {
    return this.#running;
  }

  /** @param evaluate Must not call `run` itself: it would wait for its own wave. */
  async run<Result>(evaluate: () => Promise<Result>): Promise<Result> {
    this.#asked++;
    try {
      // One that runs alone need not wait for company.
      if (this.#asked > 1) await this.#nextWave();
      else this.#running++;
      try {
        return await evaluate();
      } finally {
        await this.#waveAnswered();
      }
    } finally {
      this.#asked--;
    }
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
    if (this.#waiting.length > 0) this.#schedule();
    return undefined;
  }

  /** Behind all that the answers of the last wave set off without waiting for anything else. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      // One that was alone began meanwhile.
      if (this.#running > 0) return;
      const wave = this.#waiting.splice(0);
      this.#running = wave.length;
      for (const start of wave) start();
    });
  }
}
