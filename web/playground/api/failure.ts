/** Failures between this page and the gateway, in words that say what to do next. */
import type { WireErrorBody } from "./wire.ts";

export type FailureKind = "unreachable" | "key" | "busy" | "refused" | "server" | "broken";

/** Longest text from a server that is shown. */
const MAX_MESSAGE_CHARACTERS = 600;
/** Longest wait that is counted down. For longer ones the server's own words are enough. */
const MAX_RETRY_SECONDS = 3600;

export class Failure extends Error {
  readonly kind: FailureKind;
  /** Seconds after which the server says to try again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: FailureKind, message: string, retryAfterSeconds?: number) {
    super(message);
    this.name = "Failure";
    this.kind = kind;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function unreachable(): Failure {
  return new Failure(
    "unreachable",
    "The gateway does not answer. Check that “splitreason serve” is running and that this device is on its network.",
  );
}

/** The stream ended before the gateway said that it was complete. */
export function cutOff(): Failure {
  return new Failure("broken", "The connection broke before the end. The text received so far is below.");
}

/** The text is longer than the page's own limit. */
export function tooLong(): Failure {
  return new Failure(
    "broken",
    "The run was stopped: its text is longer than this page can show. Use the API instead.",
  );
}

/** A stream that is not what docs/api.md describes. */
export function unreadable(what: string): Failure {
  return new Failure("broken", `The server sent something that this page does not understand: ${what}.`);
}

/** An error event within a stream. */
export function failedMidway(error: WireErrorBody): Failure {
  return new Failure("server", `The run stopped midway. The server says: ${bounded(error.message)}`);
}

/** A response with a status other than 200. `error` is undefined when its body was not in the shape of OpenAI's errors. */
export function fromStatus(
  status: number,
  error: WireErrorBody | undefined,
  retryAfter: string | null,
): Failure {
  const says = error === undefined ? "" : ` The server says: ${bounded(error.message)}`;
  const wait = parseRetryAfter(retryAfter);
  switch (status) {
    case 401:
    case 403:
      return new Failure("key", "This server needs an API key, or does not accept the one you entered.");
    case 429:
      return new Failure("busy", "The server is busy.", wait);
    case 503:
      return new Failure("busy", `The server cannot take this now.${says}`, wait);
    case 413:
      return new Failure("refused", `The problem is too long for this server.${says}`);
    case 502:
    case 504:
      return new Failure("server", `The server cannot reach its model.${says}`, wait);
    default:
      return status < 500
        ? new Failure("refused", `The server refused this request (${status}).${says}`)
        : new Failure("server", `The server failed (${status}).${says}`, wait);
  }
}

/** Seconds, or a date as HTTP allows; undefined for anything else. */
export function parseRetryAfter(header: string | null, nowMs: number = Date.now()): number | undefined {
  if (header === null || header.trim() === "") return undefined;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - nowMs) / 1000;
  if (!Number.isFinite(seconds) || seconds > MAX_RETRY_SECONDS) return undefined;
  return Math.max(0, Math.ceil(seconds));
}

function bounded(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}… (cut)`;
}
