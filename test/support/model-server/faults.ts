/** The faults of one answer, and the way its bytes are sent. */

/** Every part may be left out; without any the request is answered as it should be. */
export interface Fault {
  /** Answered with this status and an error object in place of a result. */
  readonly status?: number;
  /** A `Retry-After` header, in seconds, beside the status. */
  readonly retryAfter?: number;
  /** Nothing is sent, not even a status, until the client leaves. */
  readonly hang?: boolean;
  /** Wait before anything is sent, in milliseconds. */
  readonly delayMs?: number;
  /** After so many events of the stream ... */
  readonly afterEvents?: number;
  /** ... the connection breaks, an error object comes and the stream ends, or nothing comes any more. Default `drop`. */
  readonly how?: "drop" | "error" | "hang";
}

interface FaultyRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  /** Number of the request among all so far, from 0. */
  readonly number: number;
}

export type Faults = (request: FaultyRequest) => Fault | undefined;

export interface Wire {
  /** Each write to the socket has at most so many bytes: code points and events are cut anywhere. */
  readonly splitBytes?: number;
  /** So many events are written at once. Default 1. */
  readonly coalesce?: number;
  /** A comment line before every event, as proxies send to keep a connection alive. */
  readonly keepAlives?: boolean;
  /** Default `\n`. */
  readonly lineEnd?: "\n" | "\r\n" | "\r";
}
