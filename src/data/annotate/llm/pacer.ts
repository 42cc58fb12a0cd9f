/** When the next request may go: so many a minute, and not before a server's Retry-After is over. */
import type { Clock } from "../../../core/clock.ts";
import { interruptible, type Sleep } from "./sleep.ts";

export class Pacer {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  #nextMs = 0;

  /** @param requestsPerMinute Evenly spaced; undefined: no limit. */
  constructor(requestsPerMinute: number | undefined, clock: Clock, sleep: Sleep = interruptible) {
    this.#intervalMs = requestsPerMinute === undefined ? 0 : 60_000 / requestsPerMinute;
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** Waits for a turn. @throws the signal's reason when that aborts first. */
  async turn(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const nowMs = this.#clock.nowMs();
      if (this.#nextMs <= nowMs) {
        this.#nextMs = Math.max(this.#nextMs, nowMs) + this.#intervalMs;
        return;
      }
      await this.#sleep(this.#nextMs - nowMs, signal);
    }
  }

  /** Nobody's turn comes within the next `ms`: a limit that one request met holds for all. */
  pause(ms: number): void {
    this.#nextMs = Math.max(this.#nextMs, this.#clock.nowMs() + ms);
  }
}
