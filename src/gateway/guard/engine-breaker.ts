/**
 * The circuit breaker of one engine. It counts the failures of its calls. While it is open, it makes its own attempts to bring the
 * engine back. Counting and states are cockatiel's. This file decides when to try again, and how.
 */
import {
  BrokenCircuitError,
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  handleAll,
} from "cockatiel";

import { EngineError, errorMessage, SplitReasonError } from "../../core/errors.ts";
import { isModelFailure } from "../failures/gateway-error.ts";

export interface EngineBreakerOptions {
  /** The name with which the engine's own errors begin, by convention. */
  readonly model: () => string;
  /** Failures in a row that open it. */
  readonly failures: number;
  /** Time from opening, or from a failed attempt, to the next attempt. */
  readonly resetMs: number;
  /** Rejects when the engine is still away. Never called twice at the same time. */
  readonly attempt: () => Promise<void>;
  readonly onChange: () => void;
}

/** `open`: no call reaches the engine. `trying`: an attempt is under way. */
export type BreakerState = "closed" | "open" | "trying";

/** The last problem of an engine. */
export interface Trouble {
  readonly code: string;
  /** The engine's words. A server may quote what it was sent, so after a request they may hold somebody's prompt. */
  readonly message: string;
  readonly seenBy: "request" | "attempt";
}

/** The words that other clients and the log may see. */
export function publicTrouble({ code, message, seenBy }: Trouble): string {
  return seenBy === "attempt" ? message : code;
}

/** Delay of the next attempt when a timer was a moment too early for cockatiel's clock. */
const SOON_MS = 5;

export class EngineBreaker {
  readonly #options: EngineBreakerOptions;
  readonly #count: ConsecutiveBreaker;
  readonly #policy: CircuitBreakerPolicy;
  /** Errors that were counted: several calls often see the same one. */
  readonly #counted = new WeakSet<object>();
  #trouble: Trouble | undefined;
  #unclean = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: EngineBreakerOptions) {
    this.#options = options;
    this.#count = new ConsecutiveBreaker(options.failures);
    this.#policy = circuitBreaker(handleAll, { halfOpenAfter: options.resetMs, breaker: this.#count });
    this.#policy.onBreak(() => this.#attemptIn(options.resetMs));
    this.#policy.onReset(() => {
      this.#count.state = 0;
      this.#trouble = undefined;
    });
    this.#policy.onStateChange(() => options.onChange());
  }

  get state(): BreakerState {
    switch (this.#policy.state) {
      case CircuitState.Closed:
        return "closed";
      case CircuitState.HalfOpen:
        return "trying";
      case CircuitState.Open:
      case CircuitState.Isolated:
        return "open";
      default:
        return this.#policy.state satisfies never;
    }
  }

  /** The last failure since it last worked. */
  get trouble(): Trouble | undefined {
    return this.#trouble;
  }

  /** Reports that the engine did what was asked. */
  succeed(): void {
    // This runs once for each sequence, and there is hardly ever a failure to clear.
    if (!this.#unclean || this.state !== "closed") return;
    this.#unclean = false;
    this.#trouble = undefined;
    void this.#policy.execute(() => {});
  }

  /** Counts an error, once, if the engine is at fault ({@link isFailure}). Returns whether it is. */
  fail(error: unknown): boolean {
    if (!isFailure(error)) return false;
    if (typeof error === "object" && error !== null) {
      if (this.#counted.has(error)) return true;
      this.#counted.add(error);
    }
    this.#trouble = troubleOf(error, "request");
    // Calls that began before the breaker opened do not disturb the attempts.
    if (this.state === "closed") this.#record(error);
    return true;
  }

  /**
   * Reports a call that was aborted. It counts if this engine was the reason, for example a token that did not come in time. It does
   * not count if the client left, or if the other engine failed.
   */
  failByAbort(reason: unknown): boolean {
    const isOwn = reason instanceof EngineError && reason.message.startsWith(this.#options.model());
    return isOwn && this.fail(reason);
  }

  /** Opens at once. */
  trip(error: unknown): void {
    this.#trouble = troubleOf(error, "attempt");
    this.#count.state = this.#options.failures - 1;
    this.#record(error);
  }

  /** No more attempts. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #record(failure: unknown): void {
    this.#unclean = true;
    void this.#policy.execute(() => Promise.reject(failure)).catch(() => {});
  }

  #attemptIn(delayMs: number): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tryAgain(), delayMs);
    // The server keeps the process alive. This timer must not.
    this.#timer.unref();
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.#policy.execute(async () => {
        try {
          await this.#options.attempt();
        } catch (error) {
          this.#trouble = troubleOf(error, "attempt");
          throw error;
        }
      });
    } catch (error) {
      // Any other failure has opened the breaker again, which schedules the next attempt.
      if (error instanceof BrokenCircuitError) this.#attemptIn(SOON_MS);
    }
  }
}

function troubleOf(error: unknown, seenBy: Trouble["seenBy"]): Trouble {
  const code = error instanceof SplitReasonError ? error.code : "internal";
  return { code, message: errorMessage(error), seenBy };
}

/** Whether an error means that the engine is away or broken, and not that it was called wrongly or stopped. */
function isFailure(error: unknown): boolean {
  if (error instanceof SplitReasonError) return isModelFailure(error);
  // Errors that are not ours are unexpected, so they count. Reasons of aborts pass through unchanged, and do not.
  return error instanceof Error && error.name !== "AbortError" && error.name !== "TimeoutError";
}
