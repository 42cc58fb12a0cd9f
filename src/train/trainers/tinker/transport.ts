/**
 * Requests to a trainer server. What may work later is asked again (429, 5xx, nobody listening), as long as patience lasts; what cannot is an
 * error at once. Bounded in time and size.
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
  /** A long poll is answered after 300 s at the latest; it is given up before, and asked again. Default 60,000. */
  readonly answerTimeoutMs?: number;
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

const ANSWER_TIMEOUT_MS = 60_000;
/** SkyRL reads the whole file, from wherever it lies, before it sends the first byte. */
const FIRST_BYTE_TIMEOUT_MS = 900_000;
const MOST_ANSWER_BYTES = 256 * 1024 * 1024;
/** A server that fails is not away: it may have a fault that repeats. */
const MOST_FAILURES = 6;
/** An archive that ended too early, or is none. */
const MOST_BROKEN_ARCHIVES = 3;
/** Of heartbeats in a row, after which a server that does not answer is not taken to be at work. */
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

  /** @param body A document, or protobuf bytes. Made anew for each attempt: what must not be said twice can differ. */
  post(path: string, body: (attempt: number) => unknown): Promise<Answer> {
    return this.#patiently(path, "POST", body);
  }

  /** One attempt, without patience. */
  async once(path: string, body: unknown): Promise<void> {
    await this.#attempt(path, "POST", body);
  }

  /** The same for heartbeats, which come again anyway: whether they arrive tells a server at work from one that is away. */
  async beat(path: string, body: unknown): Promise<void> {
    const outcome = await this.#attempt(path, "POST", body).catch((error: unknown) => {
      if (error instanceof TrainError) throw error;
      return undefined;
    });
    this.#missedBeats = outcome?.type === "again" ? this.#missedBeats + 1 : 0;
  }

  /**
   * A body of any length, following redirections. Fetching and using it are one: when it breaks off, both are done again.
   * @param use Reads the body to its end. A DataError is tried a few times more, unless a file on this machine is the cause.
   * @throws TrainError when patience ends, StatusError for what there is not, the last DataError.
   */
  download<Result>(path: string, use: (body: NodeJS.ReadableStream) => Promise<Result>): Promise<Result> {
    return this.patience.repeat(path, async (): Promise<Attempt<Result>> => {
      this.#throwIfClosed();
      let isHere = false;
      try {
        const found = await this.#open(path);
        if (found.type === "again") return found;
        const body = found.answer;
        // What is destroyed before its end says so, to nobody.
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
        // The key is for this server only; an archive elsewhere (object storage) is fetched without it.
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
      // A result that is not there yet: the server keeps the connection open longer than we do.
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

/** What went wrong stands at the end of a traceback. */
const shortened = (text: string): string =>
  text.length <= 600 ? text : `${text.slice(0, 200)} ... ${text.slice(-400)}`;

type Again = Extract<Attempt<never>, { readonly type: "again" }>;

const againAfter = (error: unknown): Again => ({ type: "again", reason: explainFault(error) });

/** What the system says of files: a full disk, a folder that may not be written. zlib's codes begin with Z. */
const isOfThisMachine = (error: unknown): boolean => /^E[A-Z]+$/u.test(systemCode(error));
