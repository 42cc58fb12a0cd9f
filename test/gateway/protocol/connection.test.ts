/** On a real socket: clients that leave, read slowly or see a model die, and a server that closes. */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { setTimeout } from "node:timers/promises";

import { afterEach, describe, expect, test, vi } from "vitest";

import { EngineError } from "../../../src/core/errors.ts";
import { listen, type RunningServer } from "../../../src/gateway/index.ts";
import { hangAfter, slow, testTokenizer } from "../../../src/testing.ts";
import { eventsIn } from "../../support/gateway/event-stream.ts";
import { gatewayOver, type TestGateway } from "./harness.ts";
import { draws, scriptedPair, type ScriptedPair, type ScriptedPairOptions } from "./scripted-pair.ts";

const CHAT = "/v1/chat/completions";
const chat = { model: "splitreason", messages: [{ role: "user", content: "go" }] };
const ENDLESS = `${"a".repeat(20)}<bigmodel>${"b".repeat(3_000)}`;

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.close({ drainMs: 0 });
  server = undefined;
});

interface Served extends ScriptedPair {
  readonly gateway: TestGateway;
  readonly running: RunningServer;
}

async function serve(
  options: ScriptedPairOptions,
  config: Parameters<typeof gatewayOver>[1] = {},
): Promise<Served> {
  const models = scriptedPair(options);
  const gateway = gatewayOver(models.pair, config);
  server = await listen(gateway.app, { host: "127.0.0.1", port: 0 });
  return { ...models, gateway, running: server };
}

function post(
  url: string,
  body: unknown,
): { readonly sent: ClientRequest; readonly answered: Promise<IncomingMessage> } {
  const sent = httpRequest(`${url}${CHAT}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    agent: false,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once("response", resolve);
    sent.once("error", reject);
  });
  sent.end(JSON.stringify(body));
  return { sent, answered };
}

/** Both engines are at rest and the place is free. */
async function expectIdle({ small, big, gateway }: Served): Promise<void> {
  await vi.waitFor(() => {
    expect([small.openSequences, big.openSequences, gateway.admission.running]).toEqual([0, 0, 0]);
  }, 5_000);
  const before = [small.log.length, big.log.length];
  await setTimeout(50);
  expect([small.log.length, big.log.length]).toEqual(before);
}

describe("a client that leaves", { timeout: 30_000 }, () => {
  test.each(["small", "big"])(
    "in mid-stream while the %s model writes: both models stop at once",
    async (author) => {
      const served = await serve({
        script: author === "small" ? "a".repeat(4000) : ENDLESS,
        smallHook: slow(2),
        bigHook: slow(2),
      });
      const { sent, answered } = post(served.running.url, { ...chat, stream: true, max_tokens: 3000 });
      const response = await answered;
      let text = "";
      await new Promise<void>((resolve) => {
        response.on("data", (data: Buffer) => {
          text += data.toString();
          if (text.includes(author === "small" ? '"a"' : '"b')) resolve();
        });
        response.on("error", () => {});
      });
      sent.destroy();
      await expectIdle(served);
      await vi.waitFor(() => expect(served.gateway.log.at(-1)).toMatchObject({ status: 499, stream: true }));
    },
  );

  test("while it waits for the whole answer", async () => {
    const served = await serve({ script: "a".repeat(4000), smallHook: slow(2) });
    const { sent, answered } = post(served.running.url, { ...chat, max_tokens: 3000 });
    answered.catch(() => {});
    await vi.waitFor(() => expect(draws(served.small).length).toBeGreaterThan(3));
    sent.destroy();
    await expectIdle(served);
    await vi.waitFor(() => expect(served.gateway.log.at(-1)).toMatchObject({ status: 499, stream: false }));
  });

  test("while it waits for a place: the place goes to the next", async () => {
    const served = await serve(
      { script: "abc", smallHook: slow(20) },
      { limits: { concurrent: 1, choices: 1 } },
    );
    const first = post(served.running.url, chat);
    const second = post(served.running.url, chat);
    second.answered.catch(() => {});
    await vi.waitFor(() => expect(served.gateway.admission.waiting).toBe(1));
    second.sent.destroy();
    await vi.waitFor(() => expect(served.gateway.admission.waiting).toBe(0));
    expect((await first.answered).statusCode).toBe(200);
    await expectIdle(served);
  });
});

/** Writes one long word again and again. */
const WORD = "w".repeat(1_024);
const wordy = (words: number): ScriptedPairOptions => ({
  tokenizer: testTokenizer({ words: [WORD] }),
  smallNext: ({ ids }) => (ids.filter((id) => id > 262).length < words ? WORD : "<|im_end|>"),
});

// Without a socket, whose buffers would hide when the gateway itself stops.
describe("a slow reader", { timeout: 30_000 }, () => {
  test("holds the models back, so that memory is bounded; reading on, it gets everything", async () => {
    const served = await serve(wordy(100));
    const response = await served.gateway.post(CHAT, { ...chat, stream: true });
    await vi.waitFor(() => expect(draws(served.small).length).toBeGreaterThanOrEqual(16), 10_000);
    await setTimeout(200);
    // 16 KiB wait, and one word more is on its way.
    expect(draws(served.small).length).toBeLessThanOrEqual(18);
    const { chunks, done } = eventsIn(await response.text());
    const words = chunks.map(({ choices }) => choices[0]?.delta?.reasoning_content ?? "").join("");
    expect([words === WORD.repeat(100), done]).toEqual([true, true]);
    await expectIdle(served);
  });

  test("that never reads loses its place when the request's time is over", async () => {
    const served = await serve(wordy(100), { limits: { requestTimeoutMs: 1_500 } });
    const response = await served.gateway.post(CHAT, { ...chat, stream: true });
    await vi.waitFor(() => expect(served.gateway.log.at(-1)).toMatchObject({ status: 504 }), 20_000);
    await expectIdle(served);
    // Should it read after all, it is told.
    const { chunks, done } = eventsIn(await response.text());
    expect([chunks.at(-1)?.error?.code, done]).toEqual(["request_timeout", false]);
  });
});

describe("a failure in mid-stream", { timeout: 30_000 }, () => {
  test("of the small model: an error event ends the stream, without [DONE]", async () => {
    const served = await serve({
      script: "a".repeat(100),
      smallHook: ({ kind, position }) => {
        if (kind === "draw" && position > 60)
          throw new EngineError("small: it broke.", { code: "engine-failed" });
      },
    });
    const response = await served.gateway.post(CHAT, { ...chat, stream: true });
    expect(response.status).toBe(200);
    const { chunks, done } = eventsIn(await response.text());
    expect(done).toBe(false);
    expect(chunks.at(-1)).toEqual({
      error: { message: "small: it broke.", type: "server_error", param: null, code: "engine_failed" },
    });
    const written = chunks.map(({ choices }) => choices?.[0]?.delta?.reasoning_content ?? "").join("");
    expect(written).toMatch(/^a{10,90}$/u);
    expect(served.gateway.log.at(-1)).toMatchObject({ status: 502, error: "engine_failed" });
    await expectIdle(served);
    // The same at once is a status.
    const whole = await served.gateway.post(CHAT, chat);
    expect(whole.status).toBe(502);
  });

  test("of one of several choices: the others stop", async () => {
    let fails = false;
    const served = await serve({
      script: "a".repeat(2_000),
      smallHook: async (call) => {
        await slow(1)(call);
        if (call.sequence === 1 && call.kind === "draw" && call.position > 50) {
          fails = true;
          throw new EngineError("small: it broke.", { code: "engine-failed" });
        }
      },
    });
    const { chunks, done } = eventsIn(
      await (await served.gateway.post(CHAT, { ...chat, n: 3, stream: true })).text(),
    );
    expect([fails, done]).toEqual([true, false]);
    expect(chunks.at(-1)?.error).toMatchObject({ code: "engine_failed" });
    await expectIdle(served);
  });

  test("a request that takes too long: 504 at once, an error event in a stream", async () => {
    const served = await serve(
      { script: "a".repeat(100), smallHook: hangAfter(5) },
      { limits: { requestTimeoutMs: 200 } },
    );
    const whole = await served.gateway.post(CHAT, chat);
    expect(whole.status).toBe(504);
    const { chunks } = eventsIn(await (await served.gateway.post(CHAT, { ...chat, stream: true })).text());
    expect(chunks.at(-1)?.error).toMatchObject({ code: "request_timeout" });
    await expectIdle(served);
  });
});

describe("closing", { timeout: 30_000 }, () => {
  test("waits for who is being served", async () => {
    const served = await serve({ script: "a".repeat(60), smallHook: slow(5) });
    const response = await post(served.running.url, { ...chat, stream: true }).answered;
    const closed = served.running.close({ drainMs: 20_000 });
    let text = "";
    for await (const data of response) text += String(data);
    expect(eventsIn(text).done).toBe(true);
    await closed;
    await expect(post(served.running.url, chat).answered).rejects.toThrow(/ECONNREFUSED/);
  });

  test("cuts off who is not done in time, and stops its models", async () => {
    const served = await serve({ script: "a".repeat(3_000), smallHook: slow(5) });
    const response = await post(served.running.url, { ...chat, stream: true }).answered;
    response.resume();
    const ended = new Promise<void>((resolve) => response.once("close", resolve));
    response.on("error", () => {});
    await served.running.close({ drainMs: 100 });
    await ended;
    await expectIdle(served);
  });

  test("a port that is taken is a clear error", async () => {
    const served = await serve({});
    const port = Number(new URL(served.running.url).port);
    await expect(listen(served.gateway.app, { host: "127.0.0.1", port })).rejects.toThrow(
      new RegExp(`cannot listen on 127.0.0.1 port ${port}: .*EADDRINUSE.*; choose another`, "u"),
    );
  });
});
