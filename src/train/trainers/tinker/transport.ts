/**
 * Requests to a trainer server. What may work later is asked again, with pauses that grow and vary (429, 5xx, nobody listening), as long as
 * patience lasts; what cannot is an error at once. Bounded in time and size.
 */
import { setTimeout as pause } from "node:timers/promises";

import { Agent, request } from "undici";

import { type Clock, systemClock } from "../../../core/clock.ts";
import { errorMessage, TrainError, WireError } from "../../../core/errors.ts";
import type { Rng } from "../../../core/rng.ts";
import type { Secret } from "../../../engines/http/credentials.ts";
import { Outage, type OutageNews } from "./outage.ts";
import { PROTOBUF } from "./wire/protobuf.ts";

export interface TransportOptions {
  /** Without a slash at the end and without `/api/v1`. */
  readonly url: string;
  readonly key: Secret | undefined;
  /** How long a server may be away. */
  readonly patienceMs: number;
  /** Draws the variation of pauses. */
  readonly rng: Rng;
  readonly onOutage?: (news: OutageNews) => void;
  readonly clock?: Clock;
  /** Ends the waiting for a server that is away. What a server is at work on is waited for: the run's last state is to be saved. */
  readonly signal?: AbortSignal;
  /** Before the first repetition; doubles up to 40 times as much. Default 500. */
  readonly firstPauseMs?: number;
}

export interface Answer {
  readonly type: "protobuf" | "json";
  readonly bytes: Uint8Array;
  readonly document: unknown;
}

/** The server answered, and asking again would not help. */
export class StatusError extends WireError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message, { code: "wire-invalid" });
    this.status = status;
  }
}

type Attempt =
  | { readonly type: "answer"; readonly answer: Answer }
  | { readonly type: "again"; readonly reason: string; readonly afterMs?: number; readonly most?: number };

/** A long poll is answered after 300 s at the latest; it is given up before, and asked again. */
const ANSWER_TIMEOUT_MS = 60_000;
const MOST_ANSWER_BYTES = 256 * 1024 * 1024;
const MOST_ERROR_BYTES = 64 * 1024;
const GROWTH = 40;
/** A server that fails is not away: it may have a fault that repeats. */
const MOST_FAILURES = 6;

export class TinkerTransport {
  readonly name: string;
  readonly clock: Clock;
  readonly #options: TransportOptions;
  readonly #agent: Agent;
  readonly #outage: Outage;
  readonly #life = new AbortController();

  constructor(options: TransportOptions) {
    this.#options = options;
    this.name = options.url;
    this.clock = options.clock ?? systemClock;
    this.#outage = new Outage(this.clock, options.patienceMs, options.onOutage);
    this.#agent = new Agent({
      connect: { timeout: 5_000 },
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
  }

  get(path: string): Promise<Answer> {
    return this.#patiently(path, "GET", () => undefined);
  }

  delete(path: string): Promise<Answer> {
    return this.#patiently(path, "DELETE", () => undefined);
  }

  /** @param body A document, or protobuf bytes. Made anew for each attempt: what must not be said twice can differ. */
  post(path: string, body: (attempt: number) => unknown): Promise<Answer> {
    return this.#patiently(path, "POST", body);
  }

  /** One attempt, without patience: for heartbeats, which come again anyway. */
  async once(path: string, body: unknown): Promise<void> {
    await this.#attempt(path, "POST", body);
  }

  /** A body of any length, following redirections on the same server. The caller reads or destroys it. */
  async download(path: string): Promise<NodeJS.ReadableStream> {
    let url = `${this.#options.url}/api/v1${path}`;
    for (let hop = 0; hop < 4; hop++) {
      const answer = await request(url, {
        dispatcher: this.#agent,
        headers: this.#headers(),
        signal: this.#life.signal,
      });
      if (answer.statusCode < 300) return answer.body;
      const place = answer.headers["location"];
      const said = await readBytes(answer.body, MOST_ERROR_BYTES, url).catch(() => new Uint8Array());
      if (answer.statusCode >= 400 || typeof place !== "string")
        throw new StatusError(this.#message(path, answer.statusCode, said), answer.statusCode);
      const next = new URL(place, url);
      if (next.origin !== new URL(url).origin) {
        // The key is for this server only; an archive elsewhere (object storage) is fetched without it.
        return (await request(next, { dispatcher: this.#agent, signal: this.#life.signal })).body;
      }
      url = next.href;
    }
    throw new WireError(`${this.name}${path}: it redirects without end.`, { code: "wire-invalid" });
  }

  async close(): Promise<void> {
    this.#life.abort();
    await this.#agent.destroy();
  }

  async #patiently(
    path: string,
    method: "GET" | "POST" | "DELETE",
    body: (attempt: number) => unknown,
  ): Promise<Answer> {
    const { patienceMs, rng, firstPauseMs = 500 } = this.#options;
    let sinceMs: number | undefined;
    let failures = 0;
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(path, method, body(attempt));
      if (outcome.type === "answer") {
        this.#outage.answered();
        return outcome.answer;
      }
      const nowMs = this.clock.nowMs();
      sinceMs ??= nowMs;
      if (outcome.most !== undefined && ++failures >= outcome.most)
        throw this.#givenUp(path, `${failures} times: ${outcome.reason}`);
      const longest = firstPauseMs * Math.min(GROWTH, 2 ** attempt);
      const waitMs = Math.max(outcome.afterMs ?? 0, longest * (0.5 + 0.5 * rng.next()));
      if (nowMs - sinceMs + waitMs > patienceMs)
        throw this.#givenUp(path, `for ${Math.round(patienceMs / 1000)} s: ${outcome.reason}`);
      this.#outage.failed(outcome.reason);
      await this.#pause(waitMs);
    }
  }

  async #pause(waitMs: number): Promise<void> {
    const { signal } = this.#options;
    const either = signal === undefined ? this.#life.signal : AbortSignal.any([signal, this.#life.signal]);
    try {
      await pause(waitMs, undefined, { signal: either });
    } catch {
      this.#throwIfClosed();
      throw new TrainError(
        `stopped while the trainer server at ${this.name} was away; the same command goes on from the last checkpoint.`,
        { code: "aborted", cause: signal?.reason },
      );
    }
  }

  #givenUp(path: string, what: string): TrainError {
    return new TrainError(
      `the trainer server at ${this.name} cannot be used (${path}), ${what}. Start it again, then run the same command to go on from the last checkpoint; ` +
        `patience=SECONDS in --trainer waits longer.`,
      { code: "trainer-unavailable", retryable: true },
    );
  }

  async #attempt(path: string, method: "GET" | "POST" | "DELETE", body: unknown): Promise<Attempt> {
    this.#throwIfClosed();
    const isBinary = body instanceof Uint8Array;
    try {
      const answer = await request(`${this.#options.url}/api/v1${path}`, {
        dispatcher: this.#agent,
        method,
        headers: { ...this.#headers(), "content-type": isBinary ? PROTOBUF : "application/json" },
        body: body === undefined ? null : isBinary ? Buffer.from(body) : JSON.stringify(body),
        signal: this.#life.signal,
      });
      const { statusCode: status } = answer;
      if (status >= 300) {
        const said = await readBytes(answer.body, MOST_ERROR_BYTES, path).catch(() => new Uint8Array());
        return this.#judge(path, status, said, answer.headers["retry-after"]);
      }
      const bytes = await readBytes(answer.body, MOST_ANSWER_BYTES, `${this.name}${path}`);
      const type = String(answer.headers["content-type"]).startsWith(PROTOBUF) ? "protobuf" : "json";
      const document = type === "json" ? this.#parse(path, bytes) : undefined;
      return { type: "answer", answer: { type, bytes, document } };
    } catch (error) {
      this.#throwIfClosed();
      if (error instanceof WireError) throw error;
      const code = codeOf(error);
      // A result that is not there yet: the server keeps the connection open longer than we do.
      if (code === "UND_ERR_HEADERS_TIMEOUT" && path === "/retrieve_future") return STILL_AT_WORK;
      return { type: "again", reason: REASONS[code] ?? `${errorMessage(error)}${code && ` (${code})`}` };
    }
  }

  #judge(path: string, status: number, said: Uint8Array, retryAfter: unknown): Attempt {
    const message = this.#message(path, status, said);
    const seconds = Number(retryAfter);
    const after = Number.isFinite(seconds) && seconds > 0 ? { afterMs: seconds * 1000 } : {};
    // 408: still at work. 425: a checkpoint that is still being written.
    if (status === 408) return STILL_AT_WORK;
    if (status === 425 || status === 429 || (status > 500 && status < 600))
      return { type: "again", reason: message, ...after };
    if (status === 500) return { type: "again", reason: message, most: MOST_FAILURES, ...after };
    throw new StatusError(message, status);
  }

  #message(path: string, status: number, said: Uint8Array): string {
    const text = new TextDecoder().decode(said).replaceAll(/\s+/gu, " ").trim().slice(0, 400);
    const clean = this.#options.key?.removeFrom(text) ?? text;
    return `${this.name}${path}: it answered ${status}${clean === "" ? "" : `: ${clean}`}${ADVICE[status] ?? ""}`;
  }

  #headers(): Record<string, string> {
    // A server of one's own asks for no key; the header is part of the protocol.
    return {
      "x-api-key": this.#options.key?.reveal() ?? "tml-dummy",
      accept: `${PROTOBUF}, application/json`,
    };
  }

  #parse(path: string, bytes: Uint8Array): unknown {
    if (bytes.length === 0) return undefined;
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch (error) {
      throw new WireError(
        `${this.name}${path}: it answered what is not JSON. Is this a Tinker server (SkyRL)?`,
        {
          code: "wire-invalid",
          cause: error,
        },
      );
    }
  }

  #throwIfClosed(): void {
    if (this.#life.signal.aborted)
      throw new TrainError(`${this.name}: the trainer is closed.`, { code: "aborted" });
  }
}

const STILL_AT_WORK: Attempt = {
  type: "answer",
  answer: { type: "json", bytes: new Uint8Array(), document: { type: "try_again" } },
};

const ADVICE: Readonly<Record<number, string>> = {
  401: " (give the key's place with key-env in --trainer)",
  403: " (give the key's place with key-env in --trainer)",
  409: " (a sequence number was used for two requests: please report this)",
};

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ENOTFOUND: "there is no such host",
  ECONNRESET: "the connection was cut",
  EPIPE: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer came in time",
  UND_ERR_BODY_TIMEOUT: "its answer broke off",
};

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return code === "" && error.cause !== undefined ? codeOf(error.cause) : code;
}

async function readBytes(body: AsyncIterable<unknown>, mostBytes: number, name: string): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > mostBytes)
      throw new WireError(`${name}: it answered more than ${mostBytes} bytes.`, { code: "wire-invalid" });
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
