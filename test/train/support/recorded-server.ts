/** Answers as a real server did in a recording (test/skyrl), and only to the same requests. */
import { createServer, type Server } from "node:http";

import { z } from "zod";

const contentSchema = z.union([z.strictObject({ text: z.string() }), z.strictObject({ base64: z.string() })]);
const exchangeSchema = z.strictObject({
  method: z.string(),
  path: z.string(),
  request: contentSchema,
  status: z.int(),
  type: z.string(),
  response: contentSchema,
});
export type Exchange = z.output<typeof exchangeSchema>;
export const recordSchema = z.strictObject({
  server: z.string(),
  exchanges: z.array(exchangeSchema),
  outcome: z.unknown(),
  lost: z.string(),
});

/** Names that are used only once: their last part is random. */
const DRAWN = /((?:state|weights)-\d+)-[0-9a-f]{8}/gu;

const POLL = "/api/v1/retrieve_future";
const HEARTBEAT = "/api/v1/session_heartbeat";

export class RecordedServer {
  /** Requests that the real server did not get. */
  readonly unheard: string[] = [];
  readonly #server: Server;
  readonly #queue: Exchange[];
  readonly #results = new Map<string, Exchange>();

  private constructor(server: Server, exchanges: readonly Exchange[]) {
    this.#server = server;
    // How often a result is polled depends on time.
    this.#queue = exchanges.filter(({ path }) => path !== POLL && path !== HEARTBEAT);
    for (const exchange of exchanges)
      if (exchange.path === POLL) this.#results.set(idIn(exchange.request), exchange);
  }

  static async start(exchanges: readonly Exchange[]): Promise<RecordedServer> {
    const server = createServer();
    const recorded = new RecordedServer(server, exchanges);
    server.on("request", (request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const said = Buffer.concat(chunks);
        const [method = "", path = ""] = [request.method, request.url];
        const exchange = recorded.#find(method, path, said);
        if (exchange === undefined) {
          recorded.unheard.push(`${method} ${path} ${said.toString("utf8").slice(0, 200)}`);
          response.writeHead(422).end();
          return;
        }
        response.writeHead(exchange.status, exchange.type === "" ? {} : { "content-type": exchange.type });
        response.end(bytesOf(exchange.response));
      })();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return recorded;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${address === null || typeof address === "string" ? 0 : address.port}`;
  }

  /** Exchanges that were not asked for yet. */
  get left(): number {
    return this.#queue.length;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #find(method: string, path: string, said: Buffer): Exchange | undefined {
    if (path === HEARTBEAT)
      return {
        method,
        path,
        request: { text: "" },
        status: 200,
        type: "application/json",
        response: { text: "{}" },
      };
    if (path === POLL) return this.#results.get(idIn({ text: said.toString("utf8") }));
    // What is under way together comes in any order; sequence numbers in the bodies say what belongs where.
    const index = this.#queue.findIndex(
      (one) => one.method === method && plain(one.path) === plain(path) && isSame(one.request, said),
    );
    return index < 0 ? undefined : this.#queue.splice(index, 1)[0];
  }
}

const plain = (text: string): string => text.replaceAll(DRAWN, "$1");

const bytesOf = (content: Exchange["request"]): Buffer =>
  "text" in content ? Buffer.from(content.text, "utf8") : Buffer.from(content.base64, "base64");

const isSame = (content: Exchange["request"], said: Buffer): boolean =>
  "base64" in content ? bytesOf(content).equals(said) : plain(content.text) === plain(said.toString("utf8"));

const idIn = (content: Exchange["request"]): string =>
  /"request_id":"([^"]+)"/u.exec(bytesOf(content).toString("utf8"))?.[1] ?? "";
