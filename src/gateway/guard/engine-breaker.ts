/**
 * The circuit breaker of one engine: it counts what its calls report, and while it is open it makes attempts of its own to bring the
 * engine back. Counting and states are cockatiel's; when to try again, and with what, is decided here.
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
  /** How the engine's own errors begin, by convention with its name. */
  readonly model: () => string;
  /** Failures in a row that open it. */
  readonly failures: number;
  /** From opening, or from an attempt that failed, to the next attempt. */
  readonly resetMs: number;
  /** Rejects when the engine is still away. Never called twice at the same time. */
  readonly attempt: () => Promise<void>;
  readonly onChange: () => void;
}

/** `open`: nothing is asked of the engine. `trying`: an attempt is under way. */
export type BreakerState = "closed" | "open" | "trying";

/** What is wrong with an engine. */
export interface Trouble {
  readonly code: string;
  /** What the engine said. A server may quote what it was sent: seen by a request, this may be somebody's prompt. */
  readonly message: string;
  readonly seenBy: "request" | "attempt";
}

/** What may be told to anyone: other clients, and the log. */
export function publicTrouble({ code, message, seenBy }: Trouble): string {
  return seenBy === "attempt" ? message : code;
}

/** When a timer came a moment too early for cockatiel's own clock. */
const SOON_MS = 5;

export class EngineBreaker {
  readonly #options: EngineBreakerOptions;
  readonly #count: ConsecutiveBreaker;
  readonly #policy: CircuitBreakerPolicy;
  /** The same failure is often seen by several calls. */
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

  /** The engine did what was asked. */
  succeed(): void {
    // Nearly always there is nothing to make good, and this is called once for each sequence.
    if (!this.#unclean || this.state !== "closed") return;
    this.#unclean = false;
    this.#trouble = undefined;
    void this.#policy.execute(() => {});
  }

  /** Counts an error, once, if it speaks against the engine ({@link isFailure}); says whether it does. */
  fail(error: unknown): boolean {
    if (!isFailure(error)) return false;
    if (typeof error === "object" && error !== null) {
      if (this.#counted.has(error)) return true;
      this.#counted.add(error);
    }
    this.#trouble = troubleOf(error, "request");
    // Calls that began before it opened do not disturb the attempts.
    if (this.state === "closed") this.#record(error);
    return true;
  }

  /**
   * A call was given up on. Counts if that was for a failure of this engine, such as a token that did not come in time; not if nobody
   * wants the answer any more, nor if the other engine failed.
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
    // What keeps the process alive is the server, not the hope for an engine.
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
      // Any other failure has opened it anew, which sets the next attempt.
      if (error instanceof BrokenCircuitError) this.#attemptIn(SOON_MS);
    }
  }
}

function troubleOf(error: unknown, seenBy: Trouble["seenBy"]): Trouble {
  const code = error instanceof SplitReasonError ? error.code : "internal";
  return { code, message: errorMessage(error), seenBy };
}

/** Whether an error says that the engine is away or broken, not that it was called wrongly or told to stop. */
function isFailure(error: unknown): boolean {
  if (error instanceof SplitReasonError) return isModelFailure(error);
  // What an engine throws without being an error of ours: nobody expected it. An abort's reason is passed on as it is.
  return error instanceof Error && error.name !== "AbortError" && error.name !== "TimeoutError";
}
