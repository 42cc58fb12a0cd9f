/**
 * Errors as a client sees them, in OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`. This is the only place where an
 * error gets an HTTP status.
 */
import { type ErrorCode, SplitReasonError } from "../../core/errors.ts";

/** What the official clients tell apart, besides the status. */
export type WireErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "rate_limit_error"
  | "server_error";

export type ErrorStatus = 400 | 401 | 404 | 405 | 408 | 413 | 415 | 429 | 499 | 500 | 502 | 503 | 504;

export interface GatewayErrorOptions {
  readonly code: ErrorCode;
  readonly status: ErrorStatus;
  readonly type: WireErrorType;
  /** The field of the request that is wrong, e.g. `splitreason.budget`. */
  readonly param?: string | undefined;
  /** `error.code` on the wire, e.g. `model_not_found`. Default: null. */
  readonly wireCode?: string | undefined;
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

const USUAL_CODES: Partial<Record<ErrorStatus, string>> = {
  401: "invalid_api_key",
  429: "rate_limit_exceeded",
};

/** An error that is an answer: its message is written for the client. */
export class GatewayError extends SplitReasonError {
  readonly status: ErrorStatus;
  readonly type: WireErrorType;
  readonly param: string | undefined;
  readonly wireCode: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: GatewayErrorOptions) {
    super(message, {
      code: options.code,
      cause: options.cause,
      retryable: options.status === 429 || options.status >= 502,
    });
    this.status = options.status;
    this.type = options.type;
    this.param = options.param;
    this.wireCode = options.wireCode ?? USUAL_CODES[options.status];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The request itself is wrong: 400, or another status for one of the known codes. */
export function invalidRequest(
  message: string,
  more: Partial<Pick<GatewayErrorOptions, "status" | "param" | "wireCode" | "code" | "cause">> = {},
): GatewayError {
  return new GatewayError(message, { code: "usage", status: 400, type: "invalid_request_error", ...more });
}

/** Anything thrown, as an answer. What nobody foresaw is told in general words only: it may hold what is not for a client. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (!(error instanceof SplitReasonError)) return internalError(error);
  const { message, code } = error;
  switch (code) {
    case "prompt-too-long":
      return invalidRequest(message, { code, wireCode: "context_length_exceeded", cause: error });
    case "usage":
      return invalidRequest(message, { cause: error });
    case "engine-unavailable":
    case "engine-failed":
    case "engine-closed":
    case "wire-invalid":
      return new GatewayError(message, {
        code,
        status: 502,
        type: "server_error",
        wireCode: code.replaceAll("-", "_"),
        cause: error,
      });
    case "aborted":
      // Nobody is there to read it; the access log has the status.
      return new GatewayError(message, { code, status: 499, type: "invalid_request_error", cause: error });
    case "config-invalid":
    case "file-missing":
    case "file-unreadable":
    case "file-invalid":
    case "data-invalid":
    case "budget-spent":
    case "pair-mismatch":
    case "train-invalid":
    case "train-diverged":
    case "trainer-unavailable":
    case "trainer-lost":
    case "internal":
      return internalError(error);
    default:
      throw code satisfies never;
  }
}

/** The body of an answer, or of the last event of a stream that failed. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: WireErrorType;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export function errorBody({ message, type, param, wireCode }: GatewayError): ErrorBody {
  return { error: { message, type, param: param ?? null, code: wireCode ?? null } };
}

export function toErrorResponse(error: unknown): Response {
  const answer = toGatewayError(error);
  const headers = new Headers({ "content-type": "application/json" });
  if (answer.retryAfterSeconds !== undefined)
    headers.set("retry-after", String(Math.ceil(answer.retryAfterSeconds)));
  if (answer.status === 401) headers.set("www-authenticate", "Bearer");
  return new Response(JSON.stringify(errorBody(answer)), { status: answer.status, headers });
}

function internalError(cause: unknown): GatewayError {
  return new GatewayError("the gateway failed at this request; its log says why.", {
    code: "internal",
    status: 500,
    type: "server_error",
    wireCode: "internal_error",
    cause,
  });
}
