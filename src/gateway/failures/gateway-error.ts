/** An error that becomes an answer. Its message is written for the client, and its code names a row of the table of failures. */
import { SplitReasonError } from "../../core/errors.ts";
import { type FailureCode, type FailureFacts, FAILURES, isErrorCode } from "./failure-codes.ts";

export interface GatewayErrorOptions {
  /** The field of the request that is wrong, e.g. `splitreason.budget`. */
  readonly param?: string | undefined;
  /** The value of the header `Retry-After`. */
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

/** Makes the error for a request with a value that is wrong or cannot be honoured. */
export function invalidRequest(message: string, options: GatewayErrorOptions = {}): GatewayError {
  return new GatewayError("usage", message, options);
}

/** Turns anything thrown into an answer. For a fault of the gateway the client gets general words; the cause goes to the log. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (error instanceof SplitReasonError && FAILURES[error.code].status !== 500) {
    return new GatewayError(error.code, error.message, { cause: error });
  }
  return new GatewayError("internal", "the gateway failed at this request; its log says why.", {
    cause: error,
  });
}

/** Whether the model that was called is at fault, and not the prompt or the caller. */
export function isModelFailure(error: unknown): boolean {
  return error instanceof SplitReasonError && FAILURES[error.code].opensBreaker;
}

export function errorResponse(error: GatewayError, errorBody: (error: GatewayError) => object): Response {
  const { status } = error.facts;
  const headers = new Headers({ "content-type": "application/json" });
  if (error.retryAfterSeconds !== undefined)
    headers.set("retry-after", String(Math.ceil(error.retryAfterSeconds)));
  if (status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(errorBody(error)), { status, headers });
}
