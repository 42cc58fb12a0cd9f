/** Requests over kept-alive connections (undici), bounded in time and size. Leaving a stream closes its connection. */
import { Agent, type Dispatcher, request } from "undici";

import { linkWithLimit } from "../../../core/async.ts";
import { errorMessage, WireError } from "../../../core/errors.ts";
import { readBody, readErrorBody } from "../../../core/http-body.ts";
import type { Secret } from "./credentials.ts";
import { errorOfStatus, errorOfTransport, timeoutError } from "./http-errors.ts";
import { type DocumentParser, documentParser, type StreamFormat } from "./server-events.ts";

export interface WireRequest {
  /** `api`: below the base URL, which ends in /v1. `root`: beside it, where servers have their own routes. */
  readonly at: "api" | "root";
  readonly path: string;
  /** JSON to send by POST. Without it the request is a GET. */
  readonly body?: unknown;
}

export interface TransportOptions {
  readonly key: Secret | undefined;
  /** Longest silence of a server before the request fails. */
  readonly timeoutMs: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 30_000;
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Most bytes to read after the last document. If more come, the connection is closed. */
const MAX_REST_BYTES = 64 * 1024;
const REST_TIMEOUT_MS = 1_000;

/** Sends requests. All servers of an engine share one. */
export class Transport {
  readonly #agent: Agent;
  readonly #options: TransportOptions;
  readonly #headers: Record<string, string>;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS },
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: options.timeoutMs,
      // Silence is measured between documents, not between bytes: comments that keep a connection alive are no progress.
      bodyTimeout: 0,
    });
    this.#headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(options.key === undefined ? {} : { authorization: `Bearer ${options.key.reveal()}` }),
    };
  }

  /** Sends a request and parses the whole answer. @param timeoutMs Time limit for the whole answer. */
  async json(base: string, wire: WireRequest, signal?: AbortSignal, timeoutMs?: number): Promise<unknown> {
    const limit = timeoutMs ?? this.#options.timeoutMs;
    const link = linkWithLimit(limit, () => timeoutError(base, limit), signal);
    try {
      const { body } = await this.#send(base, wire, link.signal);
      const text = (await readBody(body, MAX_ANSWER_BYTES, base)).toString("utf8");
      try {
        return JSON.parse(text);
      } catch (error) {
        throw new WireError(`${base}${wire.path}: the answer is not JSON: ${errorMessage(error)}.`, {
          code: "wire-invalid",
          cause: error,
        });
      }
    } catch (error) {
      throw errorOfTransport(base, link.signal.aborted ? link.signal.reason : error);
    } finally {
      link.release();
    }
  }

  async stream(
    base: string,
    wire: WireRequest,
    format: StreamFormat,
    signal: AbortSignal | undefined,
  ): Promise<DocumentStream> {
    try {
      const { body, headers } = await this.#send(base, wire, signal);
      // A server that does not stream answers with one document.
      const isWhole =
        format === "server-sent-events" && String(headers["content-type"]).startsWith("application/json");
      return new DocumentStream(
        body,
        documentParser(isWhole ? "json-lines" : format, base),
        base,
        this.#options.timeoutMs,
      );
    } catch (error) {
      throw errorOfTransport(base, error);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #send(
    base: string,
    wire: WireRequest,
    signal: AbortSignal | undefined,
  ): Promise<Dispatcher.ResponseData> {
    const answer = await request(addressOf(base, wire), {
      dispatcher: this.#agent,
      method: wire.body === undefined ? "GET" : "POST",
      headers: this.#headers,
      body: wire.body === undefined ? null : JSON.stringify(wire.body),
      ...(signal === undefined ? {} : { signal }),
    });
    if (answer.statusCode < 400) return answer;
    const said = await readErrorBody(answer.body);
    throw errorOfStatus(
      `${base}${wire.path}`,
      answer.statusCode,
      this.#options.key?.removeFrom(said) ?? said,
    );
  }
}

const VERSIONED = /\/v[0-9]+(?:beta)?$/u;

export function addressOf(base: string, { at, path }: WireRequest): string {
  if (at === "root") return `${base.replace(VERSIONED, "")}${path}`;
  return `${VERSIONED.test(base) ? base : `${base}/v1`}${path}`;
}

type Body = Dispatcher.ResponseData["body"];

/** The documents of one streamed answer. A slow reader makes the server wait. */
export class DocumentStream {
  readonly #body: Body;
  readonly #chunks: AsyncIterator<unknown>;
  readonly #parser: DocumentParser;
  readonly #name: string;
  readonly #timeoutMs: number;
  #documents: readonly unknown[] = [];
  #next = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;
  #timedOut = false;

  constructor(body: Body, parser: DocumentParser, name: string, timeoutMs: number) {
    this.#body = body;
    this.#chunks = body[Symbol.asyncIterator]();
    this.#parser = parser;
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    // A body that is destroyed while nobody reads must not end the process.
    body.on("error", () => {});
  }

  /** The next document, or undefined at the end. */
  async next(): Promise<unknown> {
    if (this.#next < this.#documents.length) return this.#documents[this.#next++];
    this.#watch();
    try {
      while (!this.#ended && !this.#parser.isDone) {
        const step = await this.#chunks.next();
        this.#ended = step.done === true;
        this.#documents = this.#ended ? this.#parser.end() : this.#parser.push(step.value as Buffer);
        this.#next = 0;
        if (this.#documents.length > 0) return this.#documents[this.#next++];
      }
      return undefined;
    } catch (error) {
      this.close();
      throw this.#timedOut ? timeoutError(this.#name, this.#timeoutMs) : errorOfTransport(this.#name, error);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Closes the connection, which stops the server. */
  close(): void {
    clearTimeout(this.#timer);
    if (!this.#ended) this.#body.destroy();
    this.#ended = true;
  }

  /** Reads and drops the rest of the body after the last document, so that the connection can be used again. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    const limit = setTimeout(() => this.#body.destroy(), REST_TIMEOUT_MS);
    void (async () => {
      try {
        for (let size = 0; size <= MAX_REST_BYTES;) {
          const step = await this.#chunks.next();
          if (step.done === true) return;
          size += (step.value as Buffer).byteLength;
        }
      } catch {
        // The stream is over either way.
      } finally {
        clearTimeout(limit);
        this.#body.destroy();
      }
    })();
  }

  #watch(): void {
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.#body.destroy();
    }, this.#timeoutMs);
  }
}
