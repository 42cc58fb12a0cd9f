/** What went wrong on the way to a server, as an EngineError: whether it may work later, and what to do. */
import { EngineError, errorMessage, SplitReasonError } from "../../core/errors.ts";
import { isObject, objectAt, stringAt } from "./wire.ts";

export class HttpEngineError extends EngineError {
  /** The server's own status, where it answered. */
  readonly status: number | undefined;
  /** Whether another server, or the same one over a new connection, may do what was asked. */
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

/** The context did not fit, in the words of any of the servers. */
export class ContextOverflowError extends HttpEngineError {}

const OVERFLOW =
  /exceed_context_size|context_length_exceeded|maximum context length|context (?:size|length|window)|longer than the model|too long/iu;

/** @param name What messages call the server. @param body The beginning of what it answered. */
export function errorOfStatus(name: string, status: number, body: string): HttpEngineError {
  const said = messageIn(body);
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

/** @param what What was under way, e.g. `connecting`. */
export function errorOfTransport(name: string, error: unknown): SplitReasonError {
  if (error instanceof SplitReasonError) return error;
  const code = codeOf(error);
  const explained = EXPLANATIONS[code] ?? errorMessage(error);
  return new HttpEngineError(`${name}: ${explained}${code === "" ? "" : ` (${code})`}`, {
    code: "engine-unavailable",
    cause: error,
    retryable: true,
  });
}

export function timeoutError(name: string, timeoutMs: number): HttpEngineError {
  return new HttpEngineError(
    `${name}: nothing came for ${timeoutMs} ms; raise timeout in the engine spec or look at the server's load.`,
    { code: "engine-unavailable", retryable: true },
  );
}

/** A connection that the server closed while it was idle: nothing was done, so the same request may go over a new one. */
export function wasStale(error: unknown): boolean {
  return ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"].includes(codeOf(error));
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there; start the server or correct the URL",
  ENOTFOUND: "there is no such host; correct the URL",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about in time; is the server running, and is the URL right?",
  UND_ERR_HEADERS_TIMEOUT:
    "no answer came in time; raise timeout in the engine spec or look at the server's load",
};

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if (error instanceof SplitReasonError) return codeOf(error.cause);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" && error.cause !== undefined ? codeOf(error.cause) : code;
}

/** OpenAI's shape, FastAPI's, Ollama's, or plain text; cut short. */
function messageIn(body: string): string {
  let text = body;
  try {
    const document: unknown = JSON.parse(body);
    const detail = isObject(document) ? document["detail"] : undefined;
    text =
      stringAt(objectAt(document, "error"), "message") ??
      stringAt(document, "error") ??
      stringAt(document, "message") ??
      (typeof detail === "string" ? detail : detail === undefined ? body : JSON.stringify(detail));
  } catch {
    // Not JSON: as it is.
  }
  return text.replaceAll(/\s+/gu, " ").trim().slice(0, 300);
}
