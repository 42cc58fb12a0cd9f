/** Speeds to keep: prefill is one resource that requests share in turns, decoding costs each request its own time. */

export interface Pace {
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
}

/** Requests take turns after so many tokens, as with chunked prefill. */
const TURN_TOKENS = 512;
/** How much of a sleep that was too long the next one makes up for: timers are late by about a millisecond. */
const MAX_LATENESS_MS = 5;

export class Pacer {
  readonly #pace: Pace;
  #turn: Promise<void> = Promise.resolve();
  #latenessMs = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** Takes as long as reading `tokens` does, after the turns of other requests. Ends early when aborted. */
  async prefill(tokens: number, signal: AbortSignal): Promise<void> {
    for (let left = tokens; left > 0; left -= TURN_TOKENS) {
      signal.throwIfAborted();
      const before = this.#turn;
      this.#turn = before.then(() => this.#read(Math.min(left, TURN_TOKENS), signal));
      await this.#turn;
    }
    signal.throwIfAborted();
  }

  async #read(tokens: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const wantedMs = (tokens * 1000) / this.#pace.prefillTokensPerSecond - this.#latenessMs;
    const startMs = performance.now();
    await sleep(wantedMs);
    this.#latenessMs = Math.min(MAX_LATENESS_MS, performance.now() - startMs - wantedMs);
  }

  /** A clock for one generation: `tick` takes until the next token is due. Late ticks are made up for. */
  decoding(): { tick: (signal: AbortSignal) => Promise<void> } {
    const tokenMs = 1000 / this.#pace.decodeTokensPerSecond;
    let dueMs = performance.now();
    return {
      tick: async (signal) => {
        dueMs += tokenMs;
        await sleep(dueMs - performance.now());
        signal.throwIfAborted();
      },
    };
  }
}

async function sleep(milliseconds: number): Promise<void> {
  if (milliseconds <= 0) return;
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
