/**
 * Decides which requests start now, which wait, and which are refused. There is a fixed number of places, and a queue in the order of
 * arrival. The queue is bounded in length and in time. A refusal says when to try again.
 */
import { onAbort } from "../../core/async.ts";
import { type Clock, systemClock } from "../../core/clock.ts";
import { EngineError } from "../../core/errors.ts";
import { GatewayError, invalidRequest } from "../failures/gateway-error.ts";

export interface AdmissionLimits {
  /** Number of places. */
  readonly concurrent: number;
  /** Requests that may wait. */
  readonly queue: number;
  readonly queueTimeoutMs: number;
}

/** The places of a request while it runs. */
export interface Ticket {
  /** How long the request waited. */
  readonly waitedMs: number;
  /** Gives the places back. A second call does nothing. */
  release(): void;
}

interface Waiter {
  readonly places: number;
  readonly sinceMs: number;
  readonly accept: (ticket: Ticket) => void;
  readonly refuse: (error: Error) => void;
}

/** The longest `Retry-After`: the time is only an estimate. */
const MAX_RETRY_SECONDS = 60;
/** Weight of the newest request in the running mean of the time that a place is held. */
const NEWEST = 0.2;

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;
  #running = 0;
  #meanHeldMs = 1_000;
  #closed = false;

  constructor(limits: AdmissionLimits, options: { readonly clock?: Clock } = {}) {
    this.#limits = limits;
    this.#clock = options.clock ?? systemClock;
  }

  /** Requests that run now. */
  get running(): number {
    return this.#running;
  }

  /** Requests in the queue. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Whether {@link close} was called, so that every request is refused. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Waits for `places` (the choices of a request; default 1).
   * @throws GatewayError 429 when the queue is full, and 503 after too long a wait or when the gateway shuts down.
   * Both have `retryAfterSeconds`. EngineError `aborted` when the signal is aborted.
   */
  async enter(signal?: AbortSignal, places = 1): Promise<Ticket> {
    if (signal?.aborted === true) throw abortedError(signal);
    if (this.#closed) throw closedError();
    if (places > this.#limits.concurrent) {
      throw invalidRequest(
        `the request needs ${places} places and the gateway has ${this.#limits.concurrent}; ask for fewer choices.`,
        { param: "n" },
      );
    }
    // No request overtakes the queue, however few places it needs.
    if (this.#waiters.size === 0 && this.#taken + places <= this.#limits.concurrent)
      return this.#admit(places, 0);
    if (this.#waiters.size >= this.#limits.queue) throw this.#fullError();
    return this.#wait(places, signal);
  }

  /** Refuses all requests that wait, and all later ones. Running requests continue. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.refuse(closedError());
  }

  #wait(places: number, signal: AbortSignal | undefined): Promise<Ticket> {
    const { queueTimeoutMs } = this.#limits;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer);
        release();
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        places,
        sinceMs: this.#clock.nowMs(),
        accept: (ticket) => {
          leave();
          resolve(ticket);
        },
        refuse: (error) => {
          leave();
          reject(error);
          // A large request at the head may have blocked the others.
          this.#next();
        },
      };
      const timer = setTimeout(() => waiter.refuse(this.#tooLongError()), queueTimeoutMs);
      const release = onAbort(signal, () => waiter.refuse(abortedError(signal)));
      this.#waiters.add(waiter);
    });
  }

  #admit(places: number, waitedMs: number): Ticket {
    this.#taken += places;
    this.#running++;
    const sinceMs = this.#clock.nowMs();
    let held = true;
    return {
      waitedMs,
      release: () => {
        if (!held) return;
        held = false;
        this.#taken -= places;
        this.#running--;
        this.#meanHeldMs += NEWEST * (this.#clock.nowMs() - sinceMs - this.#meanHeldMs);
        this.#next();
      },
    };
  }

  #next(): void {
    if (this.#closed) return;
    for (const waiter of this.#waiters) {
      if (this.#taken + waiter.places > this.#limits.concurrent) return;
      waiter.accept(this.#admit(waiter.places, this.#clock.nowMs() - waiter.sinceMs));
    }
  }

  /** Estimates the time until the requests ahead have been served. */
  #retryAfterSeconds(): number {
    const roundsAhead = (this.#waiters.size + 1) / this.#limits.concurrent;
    const seconds = Math.ceil((roundsAhead * this.#meanHeldMs) / 1_000);
    return Math.min(MAX_RETRY_SECONDS, Math.max(1, seconds));
  }

  #fullError(): GatewayError {
    return new GatewayError(
      "queue-full",
      `the gateway is busy: ${this.#running} requests run and ${this.#waiters.size} wait, as many as it takes; try again later.`,
      { retryAfterSeconds: this.#retryAfterSeconds() },
    );
  }

  #tooLongError(): GatewayError {
    return new GatewayError(
      "queue-timeout",
      `the request waited ${this.#limits.queueTimeoutMs} ms for a place and got none; try again later.`,
      { retryAfterSeconds: this.#retryAfterSeconds() },
    );
  }
}

function closedError(): GatewayError {
  return new GatewayError("shutting-down", "the gateway is shutting down; try again in a moment.", {
    retryAfterSeconds: 1,
  });
}

function abortedError(signal: AbortSignal | undefined): EngineError {
  return new EngineError("the client left while its request waited.", {
    code: "aborted",
    cause: signal?.reason,
  });
}
