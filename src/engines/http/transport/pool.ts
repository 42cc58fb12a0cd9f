/**
 * Several servers of the same model. A sequence stays with the server that has its prefix cached. A new sequence goes to the least loaded
 * healthy server. A server that failed is checked from time to time until it answers.
 */
import { type Clock, systemClock } from "../../../core/clock.ts";
import { errorOfTransport, HttpEngineError, wasStale } from "./http-errors.ts";
import type { StreamFormat } from "./server-events.ts";
import type { DocumentStream, Transport, WireRequest } from "./transport.ts";

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
const HEALTH_TIMEOUT_MS = 5_000;
/** The request that checks a server. Every server has this path, and answers it even while it is busy. */
const HEALTH_CHECK: WireRequest = { at: "api", path: "/models" };

export interface EndpointState {
  readonly url: string;
  readonly up: boolean;
  readonly requests: number;
  readonly sequences: number;
}

class Endpoint {
  readonly url: string;
  requests = 0;
  sequences = 0;
  up = true;
  pauseMs = FIRST_PAUSE_MS;
  failedAtMs = -Infinity;
  timer: NodeJS.Timeout | undefined;

  constructor(url: string) {
    this.url = url;
  }
}

export class EndpointPool {
  readonly transport: Transport;
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  #closed = false;

  constructor(urls: readonly string[], transport: Transport, clock: Clock = systemClock) {
    this.transport = transport;
    this.#endpoints = urls.map((url) => new Endpoint(url));
    this.#clock = clock;
  }

  get state(): readonly EndpointState[] {
    return this.#endpoints.map(({ url, up, requests, sequences }) => ({ url, up, requests, sequences }));
  }

  /** Assigns a sequence to the least loaded server. */
  route(): Route {
    return new Route(this, this.pick(new Set()) ?? this.#leastRecentlyFailed());
  }

  /** Sends a request that belongs to no sequence to the least loaded server. */
  async json(wire: WireRequest, signal?: AbortSignal): Promise<unknown> {
    const route = this.route();
    try {
      return await route.json(wire, signal);
    } finally {
      route.release();
    }
  }

  /** The least loaded healthy server outside `except`, or undefined if there is none. */
  pick(except: ReadonlySet<Endpoint>): Endpoint | undefined {
    let best: Endpoint | undefined;
    for (const endpoint of this.#endpoints) {
      if (!endpoint.up || except.has(endpoint)) continue;
      if (best === undefined || compareLoad(endpoint, best) < 0) best = endpoint;
    }
    return best;
  }

  /** Marks a server as failed: it gets no new sequence until it answers a check. */
  markDown(endpoint: Endpoint): void {
    endpoint.failedAtMs = this.#clock.nowMs();
    endpoint.up = false;
    if (endpoint.timer === undefined) this.#checkLater(endpoint);
  }

  markUp(endpoint: Endpoint): void {
    endpoint.up = true;
    endpoint.pauseMs = FIRST_PAUSE_MS;
    clearTimeout(endpoint.timer);
    endpoint.timer = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { timer } of this.#endpoints) clearTimeout(timer);
    await this.transport.close();
  }

  #leastRecentlyFailed(): Endpoint {
    return this.#endpoints.reduce((oldest, endpoint) =>
      endpoint.failedAtMs < oldest.failedAtMs ? endpoint : oldest,
    );
  }

  #checkLater(endpoint: Endpoint): void {
    if (this.#closed) return;
    const timer = setTimeout(() => void this.#check(endpoint), endpoint.pauseMs);
    timer.unref();
    endpoint.timer = timer;
    endpoint.pauseMs = Math.min(2 * endpoint.pauseMs, MAX_PAUSE_MS);
  }

  async #check(endpoint: Endpoint): Promise<void> {
    try {
      await this.transport.json(endpoint.url, HEALTH_CHECK, undefined, HEALTH_TIMEOUT_MS);
      this.markUp(endpoint);
    } catch {
      this.#checkLater(endpoint);
    }
  }
}

const compareLoad = (a: Endpoint, b: Endpoint): number =>
  a.requests - b.requests || a.sequences - b.sequences;

/** The server of one sequence. Requests carry the whole context, so any other server of the pool can take over, without the cache. */
export class Route {
  readonly #pool: EndpointPool;
  #endpoint: Endpoint;
  #released = false;

  constructor(pool: EndpointPool, endpoint: Endpoint) {
    this.#pool = pool;
    this.#endpoint = endpoint;
    endpoint.sequences++;
  }

  get url(): string {
    return this.#endpoint.url;
  }

  /** A route to the same server, for a sequence that begins with the same context. */
  sibling(): Route {
    return new Route(this.#pool, this.#endpoint);
  }

  json(wire: WireRequest, signal?: AbortSignal): Promise<unknown> {
    return this.#run(signal, (url) => this.#pool.transport.json(url, wire, signal));
  }

  stream(wire: WireRequest, format: StreamFormat, signal: AbortSignal | undefined): Promise<RoutedStream> {
    return this.#run(signal, async (url) => {
      const endpoint = this.#endpoint;
      return new RoutedStream(await this.#pool.transport.stream(url, wire, format, signal), endpoint);
    });
  }

  /** Moves to another healthy server after a failure in mid-answer. Returns false if there is none. */
  leave(): boolean {
    const failed = this.#endpoint;
    this.#pool.markDown(failed);
    const next = this.#pool.pick(new Set([failed]));
    if (next === undefined) return false;
    this.#moveTo(next);
    return true;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#endpoint.sequences--;
  }

  /** Sends a request: again over a new connection if the old one was stale, then to each other healthy server. */
  async #run<T>(signal: AbortSignal | undefined, send: (url: string) => Promise<T>): Promise<T> {
    const tried = new Set<Endpoint>();
    for (;;) {
      const endpoint = this.#endpoint;
      const isSecond = tried.has(endpoint);
      tried.add(endpoint);
      endpoint.requests++;
      try {
        const result = await send(endpoint.url);
        if (!endpoint.up) this.#pool.markUp(endpoint);
        return result;
      } catch (error) {
        if (signal?.aborted === true) throw error;
        const failure = errorOfTransport(endpoint.url, error);
        if (!(failure instanceof HttpEngineError) || !failure.elsewhere) throw failure;
        if (!isSecond && failure.status === undefined && wasStale(failure)) continue;
        if (failure.status !== 429) this.#pool.markDown(endpoint);
        const next = this.#pool.pick(tried);
        if (next === undefined) throw failure;
        this.#moveTo(next);
      } finally {
        endpoint.requests--;
      }
    }
  }

  #moveTo(endpoint: Endpoint): void {
    if (!this.#released) this.#endpoint.sequences--;
    this.#endpoint = endpoint;
    if (!this.#released) endpoint.sequences++;
  }
}

/** A stream that counts as a request of its server until it is closed. */
export class RoutedStream {
  readonly #stream: DocumentStream;
  readonly #endpoint: Endpoint;
  #open = true;

  constructor(stream: DocumentStream, endpoint: Endpoint) {
    this.#stream = stream;
    this.#endpoint = endpoint;
    endpoint.requests++;
  }

  next(): Promise<unknown> {
    return this.#stream.next();
  }

  close(): void {
    this.#settle();
    this.#stream.close();
  }

  finish(): void {
    this.#settle();
    this.#stream.finish();
  }

  #settle(): void {
    if (this.#open) this.#endpoint.requests--;
    this.#open = false;
  }
}
