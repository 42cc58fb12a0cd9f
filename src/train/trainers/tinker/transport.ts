/**
 * Requests to a trainer server. Requests that may succeed later (429, 5xx, no connection) are repeated, as long as patience lasts. Others
 * fail at once. Answers are bounded in time and size.
 */
import { setMaxListeners } from "node:events";

import { Agent, type Dispatcher, request } from "undici";

import { type Clock, systemClock } from "../../../core/clock.ts";
import { explainFault, isConnectionFault, systemCode } from "../../../core/connection-faults.ts";
import { DataError, errorMessage, SplitReasonError, TrainError, WireError } from "../../../core/errors.ts";
import { messageInBody, readBody, readErrorBody, retryAfterMs } from "../../../core/http-body.ts";
import type { Rng } from "../../../core/rng.ts";
import type { Secret } from "../../../engines/http/transport/credentials.ts";
import { LongWork, type OutageNews } from "./outage.ts";
import { type Attempt, Patience } from "./patience.ts";
import { PROTOBUF } from "./wire/protobuf.ts";

export interface TransportOptions {
  /** Address without a trailing slash and without `/api/v1`. */
  readonly url: string;
  readonly key: Secret | undefined;
  /** How long a server may be away. */
  readonly patienceMs: number;
  /** Varies the pauses. */
  readonly rng: Rng;
  readonly onOutage?: (news: OutageNews) => void;
  readonly clock?: Clock;
  /** Ends the wait for a server that is away. Work in progress is still waited for, so that the run's last state is saved. */
  readonly signal?: AbortSignal;
  /** Pause before the first repetition. It doubles, up to 40 times as much. Default: 500. */
  readonly firstPauseMs?: number;
  /**
   * Time limit of a request. Servers answer a long poll after 300 s at the latest; it is given up earlier and repeated. Default: 60,000.
   */
  readonly answerTimeoutMs?: number;
}

export interface Answer {
  readonly type: "protobuf" | "json";
  readonly bytes: Uint8Array;
  readonly document: unknown;
}

/** An answer that a repetition would not change. */
export class StatusError extends WireError {
  readonly status: number;

  constructor(message: string, status: number) {
    super(message, { code: "wire-invalid" });
    this.status = status;
  }
}

const ANSWER_TIMEOUT_MS = 60_000;
/** Time limit of a download's first byte: SkyRL reads the whole file before it sends one. */
const FIRST_BYTE_TIMEOUT_MS = 900_000;
const MOST_ANSWER_BYTES = 256 * 1024 * 1024;
/** Most failures in a row. A server that fails is not away: its fault may repeat. */
const MOST_FAILURES = 6;
/** Most attempts at an archive that breaks off, or is none. */
const MOST_BROKEN_ARCHIVES = 3;
/** Missed heartbeats in a row after which a silent server is taken to be away, not at work. */
const MISSED_BEATS = 2;

export class TinkerTransport {
  readonly name: string;
  readonly clock: Clock;
  readonly #options: TransportOptions;
  readonly patience: Patience;
  readonly longWork: LongWork;
  readonly #agent: Agent;
  readonly #life = new AbortController();
  #missedBeats = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.name = options.url;
    this.clock = options.clock ?? systemClock;
    const { patienceMs, rng, onOutage, signal, firstPauseMs = 500 } = options;
    // Each request under way listens to it, and there are many.
    setMaxListeners(0, this.#life.signal);
    const signals = signal === undefined ? [this.#life.signal] : [signal, this.#life.signal];
    const { name, clock } = this;
    this.patience = new Patience({ name, clock, patienceMs, rng, onNews: onOutage, signals, firstPauseMs });
    this.longWork = new LongWork(clock, onOutage);
    const timeout = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
    this.#agent = new Agent({
      connect: { timeout: 5_000 },
      headersTimeout: timeout,
      bodyTimeout: timeout,
    });
  }

  get(path: string): Promise<Answer> {
    return this.#patiently(path, "GET", () => undefined);
  }

  delete(path: string): Promise<Answer> {
    return this.#patiently(path, "DELETE", () => undefined);
  }

  /**
   * @param body Makes the body, a document or protobuf bytes, for each attempt. Attempts may differ where something must not be said twice.
   */
  post(path: string, body: (attempt: number) => unknown): Promise<Answer> {
    return this.#patiently(path, "POST", body);
  }

  /** Makes one attempt, without patience. */
  async once(path: string, body: unknown): Promise<void> {
    await this.#attempt(path, "POST", body);
  }

  /** Sends a heartbeat, once. Whether heartbeats arrive tells a server at work from one that is away. */
  async beat(path: string, body: unknown): Promise<void> {
    const outcome = await this.#attempt(path, "POST", body).catch((error: unknown) => {
      if (error instanceof TrainError) throw error;
      return undefined;
    });
    this.#missedBeats = outcome?.type === "again" ? this.#missedBeats + 1 : 0;
  }

  /**
   * Downloads a body of any length and follows redirects. Fetching and using it are one attempt: if the body breaks off, both are repeated.
   * @param use Reads the body to its end. After a DataError it is called a few times more, unless a file on this machine is the cause.
   * @throws TrainError when patience ends, StatusError for what does not exist, or the last DataError.
   */
  download<Result>(path: string, use: (body: NodeJS.ReadableStream) => Promise<Result>): Promise<Result> {
    return this.patience.repeat(path, async (): Promise<Attempt<Result>> => {
      this.#throwIfClosed();
      let isHere = false;
      try {
        const found = await this.#open(path);
        if (found.type === "again") return found;
        const body = found.answer;
        // A body that is destroyed early reports an error that nobody needs.
        body.on("error", () => undefined);
        try {
          isHere = true;
          return { type: "answer", answer: await use(body) };
        } finally {
          body.destroy();
        }
      } catch (error) {
        this.#throwIfClosed();
        const isRaw = !(error instanceof SplitReasonError);
        if (isConnectionFault(error) || (isRaw && !isHere)) return againAfter(error);
        if (isRaw || isOfThisMachine(error)) throw cannotBePut(error);
        if (!(error instanceof DataError)) throw error;
        return { type: "again", reason: errorMessage(error), most: MOST_BROKEN_ARCHIVES, error };
      }
    });
  }

  async #open(path: string): Promise<Attempt<Dispatcher.ResponseData["body"]>> {
    const own = new URL(`${this.#options.url}/api/v1${path}`);
    let url = own;
    for (let hop = 0; hop < 4; hop++) {
      const answer = await request(url, {
        dispatcher: this.#agent,
        // The key is only for this server. An archive elsewhere (object storage) is fetched without it.
        headers: url.origin === own.origin ? this.#headers() : {},
        headersTimeout: FIRST_BYTE_TIMEOUT_MS,
        signal: this.#life.signal,
      });
      if (answer.statusCode < 300) return { type: "answer", answer: answer.body };
      const place = answer.headers["location"];
      const said = await readErrorBody(answer.body);
      if (answer.statusCode >= 400 || typeof place !== "string")
        return this.#judge(path, answer.statusCode, said, answer.headers["retry-after"]);
      url = new URL(place, url);
    }
    throw new WireError(`${this.name}${path}: it redirects without end.`, { code: "wire-invalid" });
  }

  async close(): Promise<void> {
    this.#life.abort();
    await this.#agent.destroy();
  }

  #patiently(
    path: string,
    method: "GET" | "POST" | "DELETE",
    body: (attempt: number) => unknown,
  ): Promise<Answer> {
    return this.patience.repeat(path, (count) => this.#attempt(path, method, body(count)));
  }

  async #attempt(path: string, method: "GET" | "POST" | "DELETE", body: unknown): Promise<Attempt<Answer>> {
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
        const said = await readErrorBody(answer.body);
        // Still at work.
        if (status === 408) return STILL_AT_WORK;
        return this.#judge(path, status, said, answer.headers["retry-after"]);
      }
      const bytes = await readBody(answer.body, MOST_ANSWER_BYTES, `${this.name}${path}`);
      const type = String(answer.headers["content-type"]).startsWith(PROTOBUF) ? "protobuf" : "json";
      const document = type === "json" ? this.#parse(path, bytes) : undefined;
      return { type: "answer", answer: { type, bytes, document } };
    } catch (error) {
      this.#throwIfClosed();
      if (error instanceof WireError) throw error;
      // The result is not there yet: the server keeps the connection open longer than this side does.
      const isPoll = systemCode(error) === "UND_ERR_HEADERS_TIMEOUT" && path === "/retrieve_future";
      if (isPoll && this.#missedBeats < MISSED_BEATS) return STILL_AT_WORK;
      return againAfter(error);
    }
  }

  #judge(path: string, status: number, said: string, retryAfter: string | string[] | undefined): Again {
    const message = this.#message(path, status, said);
    const afterMs = retryAfterMs(retryAfter, this.clock.nowMs());
    const after = afterMs === undefined ? {} : { afterMs };
    // 425: a checkpoint that is still being written.
    if (status === 408 || status === 425 || status === 429 || (status > 500 && status < 600))
      return { type: "again", reason: message, ...after };
    if (status === 500) return { type: "again", reason: message, most: MOST_FAILURES, ...after };
    throw new StatusError(message, status);
  }

  #message(path: string, status: number, said: string): string {
    const text = messageInBody(said);
    const clean = this.#options.key?.removeFrom(text) ?? text;
    return `${this.name}${path}: it answered ${status}${clean === "" ? "" : `: ${shortened(clean)}`}${ADVICE[status] ?? ""}`;
  }

  #headers(): Record<string, string> {
    // A private server asks for no key, but the header is part of the protocol.
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

const STILL_AT_WORK: Attempt<Answer> = {
  type: "answer",
  answer: { type: "json", bytes: new Uint8Array(), document: { type: "try_again" } },
};

const ADVICE: Readonly<Record<number, string>> = {
  401: " (give the key's place with key-env in --trainer)",
  403: " (give the key's place with key-env in --trainer)",
  409: " (a sequence number was used for two requests: please report this)",
};

const cannotBePut = (cause: unknown): DataError =>
  new DataError(
    `the weights that the trainer server sent cannot be put on this machine: ${errorMessage(cause)}.`,
    {
      code: "file-unreadable",
      cause,
    },
  );

/** The beginning and the end of a message: the cause is at the end of a traceback. */
const shortened = (text: string): string =>
  text.length <= 600 ? text : `${text.slice(0, 200)} ... ${text.slice(-400)}`;

type Again = Extract<Attempt<never>, { readonly type: "again" }>;

const againAfter = (error: unknown): Again => ({ type: "again", reason: explainFault(error) });

/** Whether an error is one of files on this machine: a full disk, a folder that may not be written. zlib's codes begin with Z. */
const isOfThisMachine = (error: unknown): boolean => /^E[A-Z]+$/u.test(systemCode(error));
