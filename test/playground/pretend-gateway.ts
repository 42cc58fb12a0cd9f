/**
 * A stand-in for the gateway that speaks docs/api.md as far as the page uses it, and does what a test tells it. Tests need it for
 * refusals and broken streams, and for texts that our models do not write: formulas, markup, a hundred thousand tokens.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { serve, type ServerType } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";

import { staticSite } from "../../src/gateway/http/static-site.ts";

export interface ScriptPiece {
  readonly author: "small" | "big";
  readonly text: string;
  /** Default: reasoning. */
  readonly answer?: boolean;
}

/** The answer to one request. */
type Script =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: unknown }
  | {
      readonly pieces: Iterable<ScriptPiece>;
      /** Milliseconds between two pieces. Default 0. */
      readonly paceMs?: number;
      readonly end?: "done" | "error-event" | "cut-off" | "never";
      readonly degraded?: string;
    };

interface SeenRequest {
  readonly body: Record<string, unknown>;
  readonly authorization: string | undefined;
  /** Set when the page closed the connection before the end. */
  aborted: boolean;
}

export interface PretendGateway {
  readonly url: string;
  readonly requests: SeenRequest[];
  script: (body: Record<string, unknown>) => Script;
  close(): Promise<void>;
}

const INFO = {
  pair: { small: "pretend-small", big: "pretend-big" },
  models: { split: "splitreason", small: "splitreason:small", big: "splitreason:big" },
  defaults: { budget: 1, bias: 0, maxTokens: 512, temperature: 0 },
  examples: [
    { title: "Four steps", problem: "Begin at 962. Part A: subtract 56. What is the result modulo 1000?" },
    { title: "A product", problem: "What is 95 times 62, modulo 1000?" },
  ],
};

export async function startPretendGateway(
  site: string,
  options: { readonly key?: string } = {},
): Promise<PretendGateway> {
  const requests: SeenRequest[] = [];
  const gateway: { script: PretendGateway["script"] } = {
    script: () => ({ pieces: [] }),
  };
  const allowed = (authorization: string | undefined): boolean =>
    options.key === undefined || authorization === `Bearer ${options.key}`;
  const refusal = {
    error: { message: "wrong key", type: "invalid_request_error", param: null, code: "invalid_api_key" },
  };
  const app = new Hono();
  app.get("/playground.json", (context) =>
    allowed(context.req.header("authorization"))
      ? context.json({ ...INFO, needsKey: options.key !== undefined })
      : context.json(refusal, 401),
  );
  app.post("/v1/chat/completions", async (context) => {
    const body = await context.req.json<Record<string, unknown>>();
    const seen: SeenRequest = { body, authorization: context.req.header("authorization"), aborted: false };
    requests.push(seen);
    if (!allowed(seen.authorization)) return context.json(refusal, 401);
    const script = gateway.script(body);
    if ("status" in script) {
      return new Response(JSON.stringify(script.body), {
        status: script.status,
        headers: { "content-type": "application/json", ...script.headers },
      });
    }
    return streamSSE(context, async (stream) => {
      stream.onAbort(() => {
        seen.aborted = true;
      });
      const send = (event: unknown): Promise<void> => stream.writeSSE({ data: JSON.stringify(event) });
      const tokens = { small: 0, big: 0 };
      let switches = 0;
      let last = "";
      for (const { author, text, answer } of script.pieces) {
        if (stream.aborted) return;
        tokens[author]++;
        if (author === "big" && last !== "big") switches++;
        last = author;
        const delta = answer === true ? { content: text } : { reasoning_content: text };
        await send({
          choices: [{ index: 0, delta, finish_reason: null }],
          splitreason: { author, tokens: 1 },
        });
        if (script.paceMs !== undefined) await sleep(script.paceMs);
      }
      if (script.end === "cut-off") return;
      if (script.end === "never") {
        while (!stream.aborted) await sleep(20);
        return;
      }
      if (script.end === "error-event") {
        await send({
          error: {
            message: "the small model is gone",
            type: "server_error",
            param: null,
            code: "engine-failed",
          },
        });
        return;
      }
      const all = tokens.small + tokens.big;
      await send({
        choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
        splitreason: {
          policy: "learned",
          seed: 7,
          finish: "end-of-turn",
          offload_share: all === 0 ? 0 : tokens.big / all,
          switches,
          handoff_ms: switches === 0 ? null : { mean: 42, max: 60 },
          first_token_ms: 12,
          total_ms: 2345,
          degraded: script.degraded ?? null,
        },
      });
      await send({
        choices: [],
        usage: {
          prompt_tokens: 10,
          completion_tokens: all,
          total_tokens: all + 10,
          completion_tokens_details: {
            small_tokens: tokens.small,
            big_tokens: tokens.big,
            discarded_tokens: 3,
            switches,
          },
        },
      });
      await stream.writeSSE({ data: "[DONE]" });
    });
  });
  app.route("/", staticSite(site));
  const { server, url } = await listenAnywhere(app);
  return Object.assign(gateway, {
    url,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  });
}

async function listenAnywhere(app: Hono): Promise<{ server: ServerType; url: string }> {
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 });
  if (!server.listening) await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return { server, url: `http://127.0.0.1:${address.port}/` };
}

/** Words as pieces of one author each, in the manner of a token stream. */
export function* words(author: "small" | "big", text: string, answer = false): Generator<ScriptPiece> {
  for (const word of text.match(/\s*\S+|\s+$/g) ?? []) yield { author, text: word, answer };
}
