/** News for people who wait: a server that does not answer, or works for long. All requests share it. */
import type { Clock } from "../../../core/clock.ts";

export type OutageNews =
  | {
      readonly type: "away";
      readonly reason: string;
      readonly awayMs: number;
      readonly patienceMs: number;
      /** Whether this is the first news of this outage. */
      readonly isFirst: boolean;
    }
  | { readonly type: "back"; readonly awayMs: number }
  /** `what` is still being done; no fault is visible from here. */
  | { readonly type: "at-work"; readonly what: string; readonly forMs: number };

export type TellNews = (news: OutageNews) => void;

const REMIND_EVERY_MS = 15_000;

/** Tells once when the server goes away, now and then while it is away, and once when it is back. */
export class Outage {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  readonly #tell: TellNews | undefined;
  #sinceMs: number | undefined;
  #isTold = false;
  /** Time of the last news, kept from one outage to the next: a server that comes and goes is not reported each time. */
  #toldMs: number | undefined;

  constructor(clock: Clock, patienceMs: number, tell?: TellNews) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#tell = tell;
  }

  failed(reason: string): void {
    const nowMs = this.#clock.nowMs();
    this.#sinceMs ??= nowMs;
    if (this.#toldMs !== undefined && nowMs - this.#toldMs < REMIND_EVERY_MS) return;
    const isFirst = !this.#isTold;
    this.#toldMs = nowMs;
    this.#isTold = true;
    this.#tell?.({
      type: "away",
      reason,
      awayMs: nowMs - this.#sinceMs,
      patienceMs: this.#patienceMs,
      isFirst,
    });
  }

  answered(): void {
    if (this.#sinceMs === undefined) return;
    const awayMs = this.#clock.nowMs() - this.#sinceMs;
    this.#sinceMs = undefined;
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#tell?.({ type: "back", awayMs });
  }
}

const LONG_WORK_MS = 120_000;

/** Tells after two minutes, and again each time that the work has taken twice as long. Of many requests under way, one speaks. */
export class LongWork {
  readonly #clock: Clock;
  readonly #tell: TellNews | undefined;
  #quietUntilMs = 0;

  constructor(clock: Clock, tell?: TellNews) {
    this.#clock = clock;
    this.#tell = tell;
  }

  still(what: string, sinceMs: number): void {
    const nowMs = this.#clock.nowMs();
    const forMs = nowMs - sinceMs;
    if (forMs < LONG_WORK_MS || nowMs < this.#quietUntilMs) return;
    this.#quietUntilMs = nowMs + forMs;
    this.#tell?.({ type: "at-work", what, forMs });
  }
}

/** The news as a sentence. */
export function newsText(url: string, news: OutageNews): string {
  const server = `the trainer server at ${url}`;
  const seconds = (milliseconds: number): string => `${Math.round(milliseconds / 1000)} s`;
  switch (news.type) {
    case "back":
      return `${server} answers again, after ${seconds(news.awayMs)}.`;
    case "at-work":
      return `${server} is still at work for ${seconds(news.forMs)} on ${news.what}.`;
    case "away":
      return news.isFirst
        ? `${server} is away (${news.reason}). Waiting for at most ${seconds(news.patienceMs)}: patience=SECONDS in --trainer changes that, Ctrl-C ends it.`
        : `${server} is still away, for ${seconds(news.awayMs)} of ${seconds(news.patienceMs)} (${news.reason}).`;
    default:
      return news satisfies never;
  }
}
