/** An error that is an answer: its message is written for the client, and its code is a row of the table of failures. */
import { SplitReasonError } from "../../core/errors.ts";
import { type FailureCode, type FailureFacts, FAILURES, isErrorCode } from "./failure-codes.ts";

export interface GatewayErrorOptions {
  /** The field of the request that is wrong, e.g. `splitreason.budget`. */
  readonly param?: string | undefined;
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

export class GatewayError extends SplitReasonError {
  readonly failure: FailureCode;
  readonly param: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(failure: FailureCode, message: string, options: GatewayErrorOptions = {}) {
    super(message, {
      code: isErrorCode(failure) ? failure : "usage",
      cause: options.cause,
      retryable: FAILURES[failure].retryable,
    });
    this.failure = failure;
    this.param = options.param;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get facts(): FailureFacts {
    return FAILURES[this.failure];
  }
}

/** The request has a value that is wrong or that cannot be honoured. */
export function invalidRequest(message: string, options: GatewayErrorOptions = {}): GatewayError {
  return new GatewayError("usage", message, options);
}

/** Turns anything thrown into an answer. A fault of the gateway's own is told in general words; its cause is for the log. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof SplitReasonError && FAILURES[error.code].status !== 500) {
    return new GatewayError(error.code, error.message, { cause: error });
  }
  return new GatewayError("internal", "the gateway failed at this request; its log says why.", {
    cause: error,
  });
}

/** Whether the error speaks against the model that was called, not against the prompt or the caller. */
export function isModelFailure(error: unknown): boolean {
  return error instanceof SplitReasonError && FAILURES[error.code].opensBreaker;
}
