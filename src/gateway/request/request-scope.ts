/**
 * One request from its arrival to its last byte: its signal, and the facts for metrics and the log. A stream ends after its handler
 * has returned, so the end is reported explicitly, once.
 */
import { randomBytes } from "node:crypto";

import { type LinkedSignal, linkWithLimit, onAbort } from "../../core/async.ts";
import type { Clock } from "../../core/clock.ts";
import { EngineError } from "../../core/errors.ts";
import type { AccessLog, AccessRecord } from "../observability/access-log.ts";
import { GatewayError, toGatewayError } from "../failures/gateway-error.ts";
import type { GatewayMetrics } from "../observability/metrics.ts";

export interface ScopeOptions {
  readonly request: Request;
  /** The route's pattern. */
  readonly route: string;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly log: AccessLog;
}

type Facts = {
  -readonly [
    Field in keyof Omit<AccessRecord, "requestId" | "method" | "route" | "status" | "durationMs">
  ]?: AccessRecord[Field];
};

export class RequestScope {
  readonly id = randomBytes(12).toString("hex");
  readonly arrivedMs: number;
  /** The facts for the log, filled in as they become known. */
  readonly facts: Facts = {};
  /** Whether a stream will report the end. */
  isStream = false;
  readonly #options: ScopeOptions;
  readonly #link: LinkedSignal;
  readonly #unlisten: () => void;
  #ended = false;

  constructor(options: ScopeOptions) {
    this.#options = options;
    this.arrivedMs = options.clock.nowMs();
    this.#link = linkWithLimit(options.timeoutMs, () => timeoutError(options.timeoutMs));
    this.#unlisten = onAbort(options.request.signal, () => this.leave());
  }

  /** Aborted when the client leaves, or when the request takes too long. The reason is an error that says which. */
  get signal(): AbortSignal {
    return this.#link.signal;
  }

  /** Reports that the client has left. All work for it stops. */
  leave(): void {
    this.abort(new EngineError("the client left before its answer was complete.", { code: "aborted" }));
  }

  abort(reason: Error): void {
    if (!this.#ended) this.#link.abort(reason);
  }

  /** Notes an error for the log. After an abort the error is its reason, not what the abort led to. */
  fail(error: unknown): GatewayError {
    const known = toGatewayError(this.signal.aborted ? this.signal.reason : error);
    const { cause } = known;
    // The log gets what the client must not see.
    const told = known.failure === "internal" && cause instanceof Error ? cause : known;
    this.facts.error = { code: known.facts.label, message: told.message };
    return known;
  }

  /** Reports the end. Only the first call counts. */
  end(status: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#link.release();
    this.#unlisten();
    const { request, route, clock, metrics, log } = this.#options;
    const durationMs = clock.nowMs() - this.arrivedMs;
    metrics.observeRequest({ route, status, durationMs });
    log.request({ requestId: this.id, method: request.method, route, status, durationMs, ...this.facts });
  }
}

function timeoutError(timeoutMs: number): GatewayError {
  return new GatewayError(
    "request-timeout",
    `the request took longer than ${timeoutMs} ms, the limit of this gateway (limits.requestTimeoutMs); ask for fewer tokens.`,
  );
}
