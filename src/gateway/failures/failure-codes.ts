/**
 * The table of failures: one row for each failure that a client or an operator can see. No other place knows the HTTP status of a
 * failure, its type and code on the wire, or its label in the log. It also says whether the circuit breaker counts a failure.
 * docs/api.md lists what clients see.
 */
import type { ErrorCode } from "../../core/errors.ts";

/** The types that OpenAI's clients distinguish, besides the status. */
export type WireErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "rate_limit_error"
  | "server_error";

export interface FailureFacts {
  /** 499 means that the client left. Nobody reads the answer, but the log has the status. */
  readonly status: 400 | 401 | 404 | 405 | 413 | 415 | 429 | 499 | 500 | 502 | 503 | 504;
  readonly type: WireErrorType;
  /** `error.code` on the wire. */
  readonly wireCode: string | null;
  /** The failure's name in the log. */
  readonly label: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Whether the model is at fault, so that its circuit breaker counts the failure. */
  readonly opensBreaker: boolean;
}

const REQUEST = { type: "invalid_request_error", retryable: false, opensBreaker: false } as const;
const MODEL = { status: 502, type: "server_error", retryable: true, opensBreaker: true } as const;
const PLACE = { type: "server_error", retryable: true, opensBreaker: false } as const;
/** A fault of the gateway or of its configuration. Its message goes to the log only: it may hold what clients must not see. */
const GATEWAY = {
  status: 500,
  type: "server_error",
  wireCode: "internal_error",
  label: "internal_error",
  retryable: false,
  opensBreaker: false,
} as const;

/** The errors that any part of the program throws. */
const ERRORS: Readonly<Record<ErrorCode, FailureFacts>> = {
  usage: { ...REQUEST, status: 400, wireCode: null, label: "usage" },
  "prompt-too-long": {
    ...REQUEST,
    status: 400,
    wireCode: "context_length_exceeded",
    label: "context_length_exceeded",
  },
  aborted: { ...REQUEST, status: 499, wireCode: null, label: "aborted" },
  "engine-unavailable": { ...MODEL, wireCode: "engine_unavailable", label: "engine_unavailable" },
  "engine-failed": { ...MODEL, wireCode: "engine_failed", label: "engine_failed" },
  "engine-closed": { ...MODEL, wireCode: "engine_closed", label: "engine_closed" },
  "wire-invalid": { ...MODEL, wireCode: "wire_invalid", label: "wire_invalid" },
  "config-invalid": GATEWAY,
  "file-missing": GATEWAY,
  "file-unreadable": GATEWAY,
  "file-invalid": GATEWAY,
  "data-invalid": GATEWAY,
  "budget-spent": GATEWAY,
  "pair-mismatch": GATEWAY,
  "train-invalid": GATEWAY,
  "train-diverged": GATEWAY,
  "trainer-unavailable": GATEWAY,
  "trainer-lost": GATEWAY,
  internal: GATEWAY,
};

/** The gateway's own refusals. */
const REFUSALS = {
  "unknown-parameter": {
    ...REQUEST,
    status: 400,
    wireCode: "unknown_parameter",
    label: "unknown_parameter",
  },
  "wrong-key": {
    status: 401,
    type: "authentication_error",
    wireCode: "invalid_api_key",
    label: "invalid_api_key",
    retryable: false,
    opensBreaker: false,
  },
  "model-not-found": { ...REQUEST, status: 404, wireCode: "model_not_found", label: "model_not_found" },
  "unknown-url": { ...REQUEST, status: 404, wireCode: "unknown_url", label: "unknown_url" },
  "wrong-method": { ...REQUEST, status: 405, wireCode: null, label: "usage" },
  "body-too-large": { ...REQUEST, status: 413, wireCode: "body_too_large", label: "body_too_large" },
  "not-json": { ...REQUEST, status: 415, wireCode: null, label: "usage" },
  "queue-full": {
    ...PLACE,
    status: 429,
    type: "rate_limit_error",
    wireCode: "rate_limit_exceeded",
    label: "rate_limit_exceeded",
  },
  "queue-timeout": { ...PLACE, status: 503, wireCode: null, label: "engine-unavailable" },
  "shutting-down": { ...PLACE, status: 503, wireCode: null, label: "engine-unavailable" },
  "request-timeout": { ...PLACE, status: 504, wireCode: "request_timeout", label: "request_timeout" },
} as const satisfies Readonly<Record<string, FailureFacts>>;

export type FailureCode = ErrorCode | keyof typeof REFUSALS;

export const FAILURES: Readonly<Record<FailureCode, FailureFacts>> = { ...ERRORS, ...REFUSALS };

export const isErrorCode = (code: FailureCode): code is ErrorCode => Object.hasOwn(ERRORS, code);
