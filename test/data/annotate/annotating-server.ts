/**
 * A chat endpoint as annotators meet it: quotes passages of the trace it is asked about, corrupted as models corrupt them, and fails
 * as servers fail. What it answers is a function of the trace and the temperature; how it fails, of the trace and of how often it was asked.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { createRng, hash32, type Rng } from "../../../src/core/rng.ts";
import { passage, quote, type Quotation } from "./corruptions.ts";
import type { VoicedTrace } from "./re-voiced.ts";

/** What happens to the requests about a trace. */
export const TROUBLES = [
  "none",
  /** Of JSON, the first answer is cut short. */
  "truncated",
  /** Nothing of the first answer is in the trace. */
  "absent-first",
  /** Nothing of any answer is. */
  "hopeless",
  /** The first request meets a limit. */
  "rate-limit",
  "server-error",
  /** The first request is never answered. */
  "silence",
  /** The first answer stops in the middle. */
  "cut-connection",
  /** A page of HTML with status 200. */
  "not-json",
  /** Passages that overlap. */
  "overlap",
  /** JSON in a fence, behind thoughts. */
  "chatty",
] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface LoggedRequest {
  /** Of the trace; undefined when the trace is none that the server knows. */
  readonly id: string | undefined;
  readonly temperature: number;
  readonly atMs: number;
  status: number | undefined;
  /** When the last byte of a 200 was handed over. */
  answeredMs: number | undefined;
  readonly withSchema: boolean;
  readonly authorization: string | undefined;
}

export interface ServerOptions {
  /** Whether `response_format` is taken; otherwise it is refused with 400. */
  readonly schema?: boolean;
  readonly delayMs?: number;
  readonly troubles?: readonly Trouble[];
  /** In a Retry-After header, seconds. */
  readonly retryAfter?: string;
}

export class AnnotatingServer {
  readonly log: LoggedRequest[] = [];
  readonly #traces: readonly VoicedTrace[];
  readonly #options: Required<ServerOptions>;
  readonly #server: Server;
  readonly #asked = new Map<string, number>();

  constructor(traces: readonly VoicedTrace[], options: ServerOptions = {}) {
    this.#traces = traces;
    this.#options = { schema: true, delayMs: 0, troubles: TROUBLES, retryAfter: "1", ...options };
    this.#server = createServer((request, response) => {
      response.on("error", () => {});
      void this.#serve(request, response);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1#annotator`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  troubleOf(id: string): Trouble {
    const { troubles } = this.#options;
    const index = this.#traces.findIndex(({ row }) => row.id === id);
    return troubles[index % troubles.length] ?? "none";
  }

  /** What is quoted of a trace at a temperature. */
  quotations(id: string, temperature: number): Quotation[] {
    const index = this.#traces.findIndex(({ row }) => row.id === id);
    const trace = this.#traces[index];
    if (trace === undefined) return [];
    const rng = createRng(hash32(`${id} at ${temperature}`));
    const trouble = this.troubleOf(id);
    const isAbsent = trouble === "hopeless" || (trouble === "absent-first" && temperature === 0);
    if (isAbsent) return Array.from({ length: 4 }, (_, number) => hallucination(rng, number));
    const quotations = Array.from({ length: rng.integer(3, 5) }, () => quote(this.#traces, index, rng, 0.08));
    if (trouble !== "overlap") return quotations;
    const { start, end } = passage(trace, rng);
    const text = trace.row.trace.slice(start, end);
    const truth = { start, end, quoted: { start, end } };
    return [
      { snippet: text, corruption: "verbatim", truth },
      { snippet: text.replace(/^\S+\s+/u, ""), corruption: "verbatim", truth },
      ...quotations,
    ];
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await textOf(request)) as {
      temperature: number;
      messages: { content: string }[];
      response_format?: unknown;
    };
    const said = body.messages.map(({ content }) => content).join("\n");
    const id = this.#traces.find(({ row }) =>
      said.includes(row.trace.slice(0, row.trace.indexOf("</think>"))),
    )?.row.id;
    const logged: LoggedRequest = {
      id,
      temperature: body.temperature,
      atMs: performance.now(),
      status: undefined,
      answeredMs: undefined,
      withSchema: body.response_format !== undefined,
      authorization: request.headers.authorization,
    };
    this.log.push(logged);
    let hasLeft = false;
    response.on("close", () => (hasLeft = true));
    const send = (status: number, content: string, headers: Record<string, string> = {}): void => {
      logged.status = status;
      response.on("finish", () => {
        // Bytes to a client that is gone are no answer.
        if (status === 200 && !hasLeft) logged.answeredMs = performance.now();
      });
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(content);
    };
    if (logged.withSchema && !this.#options.schema) {
      send(400, JSON.stringify({ error: { message: "response_format json_schema is not supported" } }));
      return;
    }
    if (id === undefined) {
      send(400, JSON.stringify({ error: { message: "no such trace" } }));
      return;
    }
    const asked = (this.#asked.get(id) ?? 0) + 1;
    this.#asked.set(id, asked);
    const { delayMs } = this.#options;
    await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + createRng(hash32(id)).next())));
    const trouble = asked === 1 ? this.troubleOf(id) : "none";
    if (trouble === "rate-limit")
      send(429, JSON.stringify({ error: { message: "slow down" } }), {
        "retry-after": this.#options.retryAfter,
      });
    else if (trouble === "server-error") send(500, "upstream is away");
    else if (trouble === "not-json") {
      // An answer that nobody can use was not paid for: it is not counted as one.
      response.writeHead(200, { "content-type": "text/html" }).end("<html>busy</html>");
    } else if (trouble === "cut-connection") {
      response.writeHead(200, { "content-type": "application/json" }).write('{"choices":[{"mess');
      setTimeout(() => response.destroy(), 20);
    } else if (trouble !== "silence") send(200, this.#completion(id, body.temperature, logged.withSchema));
  }

  #completion(id: string, temperature: number, asJson: boolean): string {
    const snippets = this.quotations(id, temperature).map(({ snippet }) => snippet);
    const trouble = this.troubleOf(id);
    let content = asJson
      ? JSON.stringify({ snippets })
      : snippets.map((snippet) => `=== SNIPPET ===\n${snippet}\n=== END ===`).join("\n");
    const isCut = trouble === "truncated" && temperature === 0;
    if (isCut) content = content.slice(0, Math.floor(content.length * 0.6));
    if (trouble === "chatty") {
      content = `<think>They want the "hard" parts [of it].</think>\nHere they are:\n${asJson ? `\`\`\`json\n${content}\n\`\`\`` : content}\nI hope this helps.`;
    }
    return JSON.stringify({
      choices: [
        { index: 0, message: { role: "assistant", content }, finish_reason: isCut ? "length" : "stop" },
      ],
      usage: { prompt_tokens: 1000, completion_tokens: 100 },
    });
  }
}

function hallucination(rng: Rng, number: number): Quotation {
  return {
    snippet: `By Fermat's little theorem the ${rng.pick(["residue", "orbit", "kernel"])} number ${1000 + 97 * number} vanishes identically.`,
    corruption: "absent-remark",
    truth: undefined,
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}
