/**
 * A model server that costs almost nothing: plain node:http, OpenAI-compatible streaming, tokens without a model. It runs as a process
 * of its own. Each token is one event and one write, as real servers flush them. Its text is a mark, the time of its writing
 * (monotonic microseconds, base 36) and a space. A reader counts tokens by counting marks, and computes how long each one took.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { MARK, MODEL, nowUs } from "./token.ts";

/** Sent by the parent: what to do from now on. */
export type Order =
  /** Milliseconds between a stream's tokens; 0 is full speed. */
  { readonly paceMs: number };

interface Call {
  readonly stream: boolean;
  readonly chat: boolean;
  readonly tokens: number;
  readonly includeUsage: boolean;
}

interface Stream {
  readonly response: ServerResponse;
  readonly head: string;
  readonly tail: string;
  readonly last: string;
  left: number;
  /** When the next token is due; paced only. */
  dueMs: number;
  isBlocked: boolean;
}

const BODY_LIMIT = 4 * 1024 * 1024;
const streams = new Set<Stream>();
let paceMs = 0;
let requests = 0;
let isPumping = false;

/** One pass gives each stream that can take it a token, so that all streams have the same speed. */
function pump(): void {
  isPumping = false;
  const nowMs = performance.now();
  let canGoOn = false;
  for (const stream of streams) {
    if (stream.isBlocked || (paceMs > 0 && nowMs < stream.dueMs)) continue;
    stream.dueMs += paceMs;
    writeToken(stream);
    canGoOn ||= streams.has(stream) && !stream.isBlocked;
  }
  if (paceMs === 0 && canGoOn) schedule();
}

function schedule(): void {
  if (isPumping || paceMs > 0) return;
  isPumping = true;
  setImmediate(pump);
}

function writeToken(stream: Stream): void {
  const { response } = stream;
  stream.left--;
  const token = `${stream.head}${MARK}${nowUs().toString(36)} ${stream.tail}`;
  if (stream.left <= 0) {
    streams.delete(stream);
    response.end(token + stream.last);
  } else if (!response.write(token)) {
    stream.isBlocked = true;
    response.once("drain", () => {
      stream.isBlocked = false;
      schedule();
    });
  }
}

function begin(response: ServerResponse, call: Call): void {
  const id = `${call.chat ? "chatcmpl" : "cmpl"}-${requests}`;
  const created = Math.floor(Date.now() / 1000);
  const object = call.chat ? "chat.completion.chunk" : "text_completion";
  const start = `data: {"id":"${id}","object":"${object}","created":${created},"model":"${MODEL}","choices":[`;
  const usage = `"usage":{"prompt_tokens":8,"completion_tokens":${call.tokens},"total_tokens":${8 + call.tokens}}`;
  const empty = call.chat ? `"delta":{}` : `"text":""`;
  const stream: Stream = {
    response,
    head: `${start}{"index":0,${call.chat ? `"delta":{"content":"` : `"text":"`}`,
    tail: `${call.chat ? `"}` : `"`},"logprobs":null,"finish_reason":null}]}\n\n`,
    last:
      `${start}{"index":0,${empty},"logprobs":null,"finish_reason":"length"}]}\n\n` +
      (call.includeUsage ? `${start}],${usage}}\n\n` : "") +
      "data: [DONE]\n\n",
    left: call.tokens,
    dueMs: performance.now() + Math.random() * paceMs,
    isBlocked: false,
  };
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  response.flushHeaders();
  response.on("close", () => streams.delete(stream));
  streams.add(stream);
  schedule();
}

function answerWhole(response: ServerResponse, call: Call): void {
  const text = `${MARK}0 `.repeat(call.tokens);
  const content = call.chat ? { message: { role: "assistant", content: text } } : { text };
  sendJson(response, 200, {
    id: `cmpl-${requests}`,
    object: call.chat ? "chat.completion" : "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: MODEL,
    choices: [{ index: 0, ...content, logprobs: null, finish_reason: "length" }],
    usage: { prompt_tokens: 8, completion_tokens: call.tokens, total_tokens: 8 + call.tokens },
  });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function readCall(request: IncomingMessage, chat: boolean): Promise<Call> {
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of request) {
    parts.push(part as Buffer);
    sizeBytes += (part as Buffer).length;
    if (sizeBytes > BODY_LIMIT) throw new Error(`a body of more than ${BODY_LIMIT} bytes`);
  }
  const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
  const tokens = Number(body["max_tokens"] ?? body["max_completion_tokens"] ?? 16);
  const options = body["stream_options"] as { readonly include_usage?: boolean } | undefined;
  return { chat, tokens, stream: body["stream"] === true, includeUsage: options?.include_usage === true };
}

const server = createServer((request, response) => {
  const path = request.url ?? "";
  if (request.method === "GET") {
    if (path !== "/v1/models") return sendJson(response, 404, { error: { message: `no route ${path}` } });
    const model = { id: MODEL, object: "model", created: 0, owned_by: "bench", max_model_len: 32_768 };
    return sendJson(response, 200, { object: "list", data: [model] });
  }
  const chat = path.endsWith("/chat/completions");
  if (!chat && !path.endsWith("/completions")) {
    return sendJson(response, 404, { error: { message: `no route ${path}` } });
  }
  requests++;
  readCall(request, chat).then(
    (call) => (call.stream ? begin(response, call) : answerWhole(response, call)),
    (error: unknown) => sendJson(response, 400, { error: { message: String(error) } }),
  );
  return undefined;
});
server.keepAliveTimeout = 0;
// Small and often: without this, the kernel waits for more before it sends a token.
server.on("connection", (socket) => socket.setNoDelay(true));
setInterval(() => paceMs > 0 && pump(), 1);
process.on("message", (order: Order) => {
  paceMs = order.paceMs;
  schedule();
});
// The parent is gone.
process.on("disconnect", () => process.exit(0));
server.listen(0, "127.0.0.1", () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` });
});
