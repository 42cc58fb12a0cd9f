/** The HTTP side: bodies in, JSON or server-sent events out, faults on the way, and a signal for clients that leave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { Fault, Faults, Wire } from "./faults.ts";
import { type Dialect, Refusal, type Reply, type StreamItem } from "./reply.ts";

export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: unknown;
  /** `open` until the answer is out. */
  outcome: "open" | "answered" | "refused" | "left" | "broken";
  status: number | undefined;
}

export interface HttpOptions {
  readonly dialect: Dialect;
  readonly faults: Faults;
  readonly wire: Wire;
  /** Demanded as a bearer token, if set. */
  readonly apiKey?: string;
}

const MAX_BODY_BYTES = 64 * 1024 * 1024;

export class HttpFront {
  readonly requests: ServedRequest[] = [];
  readonly #options: HttpOptions;
  readonly #server: Server;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      void this.#serve(request, response);
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { dialect, faults } = this.#options;
    const path = new URL(request.url ?? "/", "http://server").pathname;
    const method = request.method ?? "GET";
    const left = new AbortController();
    response.on("close", () => {
      if (!response.writableFinished) left.abort(new Error("the client left"));
    });
    response.on("error", () => {});
    let record: ServedRequest | undefined;
    try {
      const body = await readBody(request);
      record = { method, path, headers: request.headers, body, outcome: "open", status: undefined };
      this.requests.push(record);
      const fault = faults({ method, path, body, number: this.requests.length - 1 }) ?? {};
      if (fault.hang === true) return await never(left.signal);
      if (fault.delayMs !== undefined) await delay(fault.delayMs);
      this.#authorize(request);
      if (fault.status !== undefined) {
        if (fault.retryAfter !== undefined) response.setHeader("retry-after", String(fault.retryAfter));
        throw new Refusal(
          `a fault with status ${fault.status}, as it was told`,
          fault.status,
          "server_error",
        );
      }
      const reply = await dialect.answer({ method, path, body, signal: left.signal });
      if (reply === undefined)
        throw new Refusal(`there is no ${method} ${path} here`, 404, "not_found_error");
      record.status = reply.type === "json" ? reply.status : 200;
      record.outcome = await this.#write(reply, fault, response, left.signal);
    } catch (error) {
      const known = error instanceof Refusal ? error : undefined;
      const status = known?.status ?? 500;
      if (record !== undefined) {
        record.outcome = left.signal.aborted ? "left" : known === undefined ? "broken" : "refused";
        record.status ??= status;
      }
      if (left.signal.aborted || response.destroyed) return;
      if (response.headersSent) {
        response.destroy();
        return;
      }
      const message = error instanceof Error ? error.message : String(error);
      sendJson(response, status, dialect.error(message, status, known?.kind ?? "server_error"));
    }
  }

  #authorize(request: IncomingMessage): void {
    const { apiKey } = this.#options;
    if (apiKey === undefined || request.headers.authorization === `Bearer ${apiKey}`) return;
    throw new Refusal("Invalid API Key", 401, "authentication_error");
  }

  async #write(
    reply: Reply,
    fault: Fault,
    response: ServerResponse,
    left: AbortSignal,
  ): Promise<"answered" | "broken"> {
    if (reply.type === "json") {
      sendJson(response, reply.status, reply.value);
      return "answered";
    }
    const { dialect, wire } = this.#options;
    response.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
    });
    response.socket?.setNoDelay(true);
    response.flushHeaders();
    let sent = 0;
    let waiting = "";
    for await (const item of reply.items) {
      if (sent === fault.afterEvents) {
        await writeParts(response, waiting, wire);
        if (fault.how === "hang") return await never(left);
        if (fault.how === "error") {
          const error = dialect.error("a fault in mid-stream, as it was told", 500, "server_error");
          await writeParts(response, eventOf({ type: "json", value: error }, wire), wire);
          response.end();
          return "broken";
        }
        response.socket?.resetAndDestroy();
        return "broken";
      }
      waiting += eventOf(item, wire);
      sent++;
      if (sent % (wire.coalesce ?? 1) !== 0) continue;
      await writeParts(response, waiting, wire);
      waiting = "";
      left.throwIfAborted();
    }
    await writeParts(response, waiting, wire);
    response.end();
    return "answered";
  }
}

function eventOf(item: StreamItem, wire: Wire): string {
  const end = wire.lineEnd ?? "\n";
  const comment = wire.keepAlives === true ? `: keep-alive${end}${end}` : "";
  const data = item.type === "done" ? "[DONE]" : JSON.stringify(item.value);
  return `${comment}data: ${data}${end}${end}`;
}

async function writeParts(response: ServerResponse, text: string, wire: Wire): Promise<void> {
  const bytes = Buffer.from(text, "utf8");
  const size = wire.splitBytes ?? bytes.byteLength;
  for (let start = 0; start < bytes.byteLength; start += size) {
    if (response.destroyed) return;
    const isThrough = response.write(bytes.subarray(start, start + size));
    // A turn of the event loop, so that the parts do not leave together.
    if (wire.splitBytes !== undefined) await new Promise((resolve) => setImmediate(resolve));
    if (!isThrough && !response.destroyed) await drained(response);
  }
}

/** A slow reader slows the server down; one that leaves does not hold it. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off("drain", go);
      response.off("close", go);
      resolve();
    };
    response.on("drain", go);
    response.on("close", go);
  });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > MAX_BODY_BYTES) throw new Refusal("the body is too large", 413);
    parts.push(part);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new Refusal("the body is not JSON", 400);
  }
}

const delay = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

function never(left: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    left.addEventListener("abort", () => reject(left.reason), { once: true });
  });
}
