/** Failures of requests to a server as EngineErrors. They say what to do and whether the request may succeed later. */
import { explainFault, systemCode } from "../../../core/connection-faults.ts";
import { EngineError, SplitReasonError } from "../../../core/errors.ts";
import { messageInBody } from "../../../core/http-body.ts";

export class HttpEngineError extends EngineError {
  /** The status of the answer, if there was one. */
  readonly status: number | undefined;
  /** Whether the request may succeed on another server, or on the same one over a new connection. */
  readonly elsewhere: boolean;

  constructor(
    message: string,
    options: {
      readonly code: EngineError["code"];
      readonly cause?: unknown;
      readonly retryable: boolean;
      readonly status?: number;
      readonly elsewhere?: boolean;
    },
  ) {
    super(message, options);
    this.status = options.status;
    this.elsewhere = options.elsewhere ?? options.retryable;
  }
}

/** The context is longer than the server accepts. */
export class ContextOverflowError extends HttpEngineError {}

const OVERFLOW =
  /exceed_context_size|context_length_exceeded|maximum context length|context (?:size|length|window)|longer than the model|too long/iu;

/** The error of an answer. @param name The server's name in messages. @param body The error body. */
export function errorOfStatus(name: string, status: number, body: string): HttpEngineError {
  const said = messageInBody(body).slice(0, 300);
  const text = said === "" ? "" : `: ${said}`;
  if (status === 400 && OVERFLOW.test(body)) {
    return new ContextOverflowError(`${name}: the context does not fit${text}`, {
      code: "engine-failed",
      retryable: false,
      status,
    });
  }
  const retryable = status === 408 || status === 429 || status >= 500;
  return new HttpEngineError(`${name}: it answered ${status}${text}${adviceFor(status)}`, {
    code: retryable ? "engine-unavailable" : "engine-failed",
    retryable,
    status,
  });
}

function adviceFor(status: number): string {
  if (status === 401 || status === 403) return " (give a key with key-env or key-file in the engine spec)";
  if (status === 404) return " (is the model's name right, and the dialect? see docs/engines.md)";
  return "";
}

/** The error of a request that got no answer. An error of ours is returned as it is. */
export function errorOfTransport(name: string, error: unknown): SplitReasonError {
  if (error instanceof SplitReasonError) return error;
  return new HttpEngineError(`${name}: ${explainFault(error, ADVICE)}`, {
    code: "engine-unavailable",
    cause: error,
    retryable: true,
  });
}

export function timeoutError(name: string, timeoutMs: number): HttpEngineError {
  return new HttpEngineError(
    `${name}: it sent nothing for ${timeoutMs} ms; raise timeout in the engine spec or look at the server's load.`,
    { code: "engine-unavailable", retryable: true },
  );
}

/** Whether the server closed an idle connection. The request then had no effect, so it may be sent again over a new one. */
export function wasStale(error: unknown): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(systemCode(error));
}

const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED: "; start the server or correct the URL",
  ENOTFOUND: "; correct the URL",
  UND_ERR_CONNECT_TIMEOUT: "; is the server running, and is the URL right?",
  UND_ERR_HEADERS_TIMEOUT: "; raise timeout in the engine spec or look at the server's load",
};
