/** A server that is away: told once when it goes, now and then while it is, and once when it is back. Shared by all requests. */
import type { Clock } from "../../../core/clock.ts";

export type OutageNews =
  | { readonly type: "away"; readonly reason: string; readonly awayMs: number; readonly patienceMs: number }
  | { readonly type: "back"; readonly awayMs: number };

const REMIND_EVERY_MS = 15_000;

export class Outage {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #tell: ((news: OutageNews) => void) | undefined;
  #sinceMs: number | undefined;
  #toldMs = 0;

  constructor(clock: Clock, patienceMs: number, tell?: (news: OutageNews) => void) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#tell = tell;
  }

  failed(reason: string): void {
    const nowMs = this.#clock.nowMs();
    const isFirst = this.#sinceMs === undefined;
    this.#sinceMs ??= nowMs;
    if (!isFirst && nowMs - this.#toldMs < REMIND_EVERY_MS) return;
    this.#toldMs = nowMs;
    this.#tell?.({ type: "away", reason, awayMs: nowMs - this.#sinceMs, patienceMs: this.#patienceMs });
  }

  answered(): void {
    if (this.#sinceMs === undefined) return;
    const awayMs = this.#clock.nowMs() - this.#sinceMs;
    this.#sinceMs = undefined;
    this.#tell?.({ type: "back", awayMs });
  }
}
