/** Stands before a server and writes down what is said, so that it can be said again without it. */
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";

import type { Exchange } from "../train/support/recorded-server.ts";
import { MODEL } from "./server.ts";

/** A path of this machine, in no record. */
const withoutPath = (text: string): string => text.replaceAll(MODEL, "micro-small");
const withPath = (text: string): string => text.replaceAll("micro-small", MODEL);

const askedFor = ({ path, request }: Exchange): string => path + JSON.stringify(request);

export class Recorder {
  readonly exchanges: Exchange[] = [];
  readonly #server: Server;
  readonly #target: string;

  private constructor(server: Server, target: string) {
    this.#server = server;
    this.#target = target;
  }

  static async start(target: string): Promise<Recorder> {
    const server = createServer();
    const recorder = new Recorder(server, target);
    server.on("request", (request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const said = Buffer.concat(chunks);
        try {
          const answer = await recorder.#pass(
            request.method ?? "GET",
            request.url ?? "",
            request.headers,
            said,
          );
          response.writeHead(answer.status, { "content-type": answer.type });
          response.end(answer.bytes);
        } catch {
          // The server is away: whoever asked sees it so.
          response.destroy();
        }
      })();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return recorder;
  }

  /** Without heartbeats, and of the questions for one result the last: the others are a matter of time. */
  get record(): Exchange[] {
    const last = new Map(this.exchanges.map((exchange) => [askedFor(exchange), exchange]));
    return this.exchanges.filter(
      (exchange) =>
        !exchange.path.endsWith("/session_heartbeat") &&
        (!exchange.path.endsWith("/retrieve_future") || last.get(askedFor(exchange)) === exchange),
    );
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${address === null || typeof address === "string" ? 0 : address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  async #pass(method: string, url: string, headers: IncomingHttpHeaders, said: Buffer) {
    const isBinary = headers["content-type"] === "application/x-protobuf";
    const body = isBinary ? said : withPath(said.toString("utf8"));
    const answer = await fetch(`${this.#target}${url}`, {
      method,
      headers: {
        accept: headers.accept ?? "*/*",
        "content-type": headers["content-type"] ?? "application/json",
        "x-api-key": String(headers["x-api-key"]),
      },
      ...(said.length === 0 ? {} : { body }),
    });
    const type = answer.headers.get("content-type") ?? "";
    const heard = Buffer.from(await answer.arrayBuffer());
    const isHeardBinary = type.startsWith("application/x-protobuf");
    const bytes = isHeardBinary ? heard : Buffer.from(withoutPath(heard.toString("utf8")), "utf8");
    this.exchanges.push({
      method,
      path: url,
      request: isBinary ? { base64: said.toString("base64") } : { text: withoutPath(said.toString("utf8")) },
      status: answer.status,
      type,
      response: isHeardBinary ? { base64: bytes.toString("base64") } : { text: bytes.toString("utf8") },
    });
    return { status: answer.status, type, bytes };
  }
}
