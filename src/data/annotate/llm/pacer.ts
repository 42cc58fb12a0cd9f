/** Decides when the next request may be sent: at most so many a minute, and not before a server's Retry-After is over. */
import { sleep } from "../../../core/async.ts";
import type { Clock } from "../../../core/clock.ts";

/** Injected, so that tests need not wait. @throws the signal's reason when that is aborted first. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export class Pacer {
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #sleep: Sleep;
  #nextMs = 0;

  /** @param requestsPerMinute They are evenly spaced. Undefined means no limit. */
  constructor(requestsPerMinute: number | undefined, clock: Clock, sleeping: Sleep = sleep) {
    this.#intervalMs = requestsPerMinute === undefined ? 0 : 60_000 / requestsPerMinute;
    this.#clock = clock;
    this.#sleep = sleeping;
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

  /** Delays every turn by at least `ms`: a limit that one request met holds for all. */
  pause(ms: number): void {
    this.#nextMs = Math.max(this.#nextMs, this.#clock.nowMs() + ms);
  }
}
