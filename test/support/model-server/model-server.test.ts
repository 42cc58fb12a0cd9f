/** The test servers themselves: what a client test relies on has to be so. */
import { afterEach, describe, expect, it } from "vitest";

import { controlPiece, textPiece } from "../../../src/core/piece.ts";
import { randomModel, testTokenizer } from "../../../src/engines/scripted/index.ts";
import {
  type ModelServer,
  type ModelServerOptions,
  type ScriptedServedOptions,
  startModelServer,
} from "./index.ts";

const tokenizer = testTokenizer();
const open = tokenizer.controlId("<bigmodel>");
const close = tokenizer.controlId("</bigmodel>");
/** The text after the two tokens of "Q:". */
const written = tokenizer.encode([controlPiece(" añb<bigmodel>cd, stop here<|im_end|>")]);
const script: ScriptedServedOptions = {
  next: ({ ids, tokenizer: { size } }) => {
    const logits = new Float64Array(size).fill(-Infinity);
    logits[written[ids.length - 2] ?? 0] = 0;
    return logits;
  },
};
const servers: ModelServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: ModelServerOptions): Promise<ModelServer> {
  const server = await startModelServer(options);
  servers.push(server);
  return server;
}

async function post(server: ModelServer, path: string, body: unknown, signal?: AbortSignal) {
  return await fetch(`${server.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Looked at loosely: what a body is, is what is tested. */
const parse = (text: string) => JSON.parse(text);
const json = async (response: Response) => parse(await response.text());

async function events(response: Response) {
  const text = await response.text();
  return text
    .split("\n\n")
    .filter((event) => event.startsWith("data: "))
    .map((event) => (event === "data: [DONE]" ? "done" : parse(event.slice(6))));
}

describe("vllm", () => {
  it("says which token or text it stopped at, and holds text back for stop texts", async () => {
    const server = await start({ dialect: "vllm", script });
    const base = { prompt: "Q:", temperature: 0, max_tokens: 40, return_token_ids: true };
    const byId = await json(await post(server, "/v1/completions", { ...base, stop_token_ids: [open] }));
    expect(byId.choices[0]).toMatchObject({ text: " añb", finish_reason: "stop", stop_reason: open });
    expect(byId.choices[0].token_ids.at(-1)).toBe(open);
    expect(byId.usage).toEqual({ prompt_tokens: 2, completion_tokens: 6, total_tokens: 8 });
    const chunks = await events(
      await post(server, "/v1/completions", { ...base, stop: ["stop"], stream: true }),
    );
    expect(chunks.at(-1)).toBe("done");
    const choices = chunks.slice(0, -1).map(({ choices: [choice] }) => choice);
    // Special tokens are left out of texts by default, and do not match a stop text.
    expect(choices.map(({ text }) => text).join("")).toBe(" añbcd, ");
    expect(choices[0]).toMatchObject({ text: "", prompt_token_ids: [81, 58] });
    expect(choices.at(-1)).toMatchObject({ finish_reason: "stop", stop_reason: "stop" });
    const end = await json(await post(server, "/v1/completions", base));
    expect(end.choices[0]).toMatchObject({ finish_reason: "stop", stop_reason: null });
  });

  it("caches prefixes in blocks, refuses what does not fit, and answers several prompts", async () => {
    const server = await start({ dialect: "vllm", script: { next: randomModel(), contextSize: 64 } });
    const prompt = "p".repeat(40);
    const body = { prompt, temperature: 0, max_tokens: 4 };
    await post(server, "/v1/completions", body);
    expect(server.work).toMatchObject({ prefilled: 40, cached: 0, decoded: 4 });
    await post(server, "/v1/completions", body);
    expect(server.work).toMatchObject({ prefilled: 48, cached: 32, decoded: 8 });
    expect((await post(server, "/v1/completions", { ...body, max_tokens: 25 })).status).toBe(400);
    expect((await post(server, "/v1/completions", { ...body, unknown_field: 1 })).status).toBe(400);
    const several = await json(
      await post(server, "/v1/completions", {
        ...body,
        prompt: [[97], [98, 99]],
        logprobs: 2,
        return_tokens_as_token_ids: true,
      }),
    );
    expect(several.choices.map(({ index }: { readonly index: number }) => index)).toEqual([0, 1]);
    expect(Object.keys(several.choices[1].logprobs.top_logprobs[0])).toHaveLength(2);
  });
});

describe("sglang", () => {
  it("gives chosen tokens' log-probabilities at every prompt position but the first", async () => {
    const server = await start({ dialect: "sglang", script: { next: randomModel() } });
    const input_ids = tokenizer.encode([controlPiece("<|im_start|>"), textPiece("abcdef")]);
    const ask = async (start: number, new_tokens: number) =>
      json(
        await post(server, "/generate", {
          input_ids,
          sampling_params: { temperature: 0, max_new_tokens: new_tokens },
          return_logprob: true,
          logprob_start_len: start,
          token_ids_logprob: [close],
        }),
      );
    const all = await ask(0, 1);
    expect(all.meta_info.input_token_ids_logprobs).toHaveLength(7);
    expect(all.meta_info.input_token_ids_logprobs[0]).toBeNull();
    expect(all.meta_info.input_token_logprobs[0]).toEqual([null, input_ids[0], null]);
    const later = await ask(4, 1);
    expect(later.meta_info.input_token_ids_logprobs).toEqual([
      null,
      ...all.meta_info.input_token_ids_logprobs.slice(5),
    ]);
    expect(later.meta_info.cached_tokens).toBe(4);
    expect(later.meta_info.output_token_ids_logprobs).toHaveLength(1);
    const warm = await ask(6, 0);
    expect(warm).toMatchObject({ text: "", output_ids: [], meta_info: { completion_tokens: 0 } });
    expect(server.busy).toBe(0);
  });

  it("streams everything so far with each event", async () => {
    const server = await start({ dialect: "sglang", script });
    const chunks = await events(
      await post(server, "/generate", {
        text: "Q:",
        sampling_params: { temperature: 0, stop_token_ids: [open] },
        stream: true,
      }),
    );
    expect(chunks.at(-2)).toMatchObject({
      text: " añb",
      meta_info: { finish_reason: { type: "stop", matched: open } },
    });
    expect(chunks[1].text).toBe(" a");
    expect(chunks.at(-2).output_ids.at(-1)).toBe(open);
  });
});

describe("llamacpp", () => {
  it("hides special tokens unless told to show them, and loses ids within a code point", async () => {
    const server = await start({ dialect: "llamacpp", script });
    const body = { prompt: "Q:", temperature: 0, n_predict: 12, stream: true };
    const plain = await events(await post(server, "/completion", { ...body, return_tokens: true }));
    expect(plain.map(({ content }) => content).join("")).toBe(" añbcd, st");
    expect(plain.flatMap(({ tokens }) => tokens)).toContain(open);
    // 12 tokens were decoded; the first byte of "ñ" has no event of its own.
    expect(plain.flatMap(({ tokens }) => tokens)).toHaveLength(11);
    expect(plain.at(-1)).toMatchObject({ stop: true, stop_type: "limit", tokens_predicted: 12 });
    const stopped = await events(
      await post(server, "/completion", { ...body, stop: ["<bigmodel>"], preserved_tokens: ["<bigmodel>"] }),
    );
    expect(stopped.at(-1)).toMatchObject({ stop_type: "word", stopping_word: "<bigmodel>" });
    expect(stopped.map(({ content }) => content).join("")).toBe(" añb");
  });

  it("samples with defaults that are not neutral", async () => {
    const server = await start({ dialect: "llamacpp", script: { next: randomModel() } });
    const draw = async (more: object): Promise<string> => {
      const body = { prompt: "x", n_predict: 20, seed: 3, ...more };
      return (await json(await post(server, "/completion", body))).content;
    };
    const neutral = { temperature: 1, top_k: 0, top_p: 1, min_p: 0 };
    expect(await draw({})).toBe(await draw({ temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 }));
    expect(await draw({})).not.toBe(await draw(neutral));
    expect(await draw(neutral)).toBe(await draw(neutral));
  });

  it("reads only what a slot does not know, and warms up without decoding", async () => {
    const server = await start({ dialect: "llamacpp", script: { next: randomModel() } });
    await post(server, "/completion", { prompt: "a".repeat(50), n_predict: 0 });
    expect(server.work).toMatchObject({ prefilled: 50, decoded: 0 });
    const answer = await json(
      await post(server, "/completion", { prompt: "a".repeat(60), n_predict: 1, temperature: 0 }),
    );
    expect(answer.timings).toMatchObject({ cache_n: 50, prompt_n: 10 });
  });
});

describe("openai", () => {
  it("takes text only, and does not say what it stopped at", async () => {
    const server = await start({ dialect: "openai", script, special: true });
    expect((await post(server, "/v1/completions", { prompt: [81, 58] })).status).toBe(400);
    expect((await post(server, "/v1/completions", { prompt: "Q:", stop_token_ids: [1] })).status).toBe(400);
    const body = { prompt: "Q:", max_tokens: 40, temperature: 0, stop: ["<bigmodel>", "x"] };
    const answer = await json(await post(server, "/v1/completions", body));
    expect(answer.choices[0]).toEqual({ index: 0, text: " añb", logprobs: null, finish_reason: "stop" });
  });
});

describe("all", () => {
  it("stops when the client leaves", async () => {
    const server = await start({
      dialect: "vllm",
      script: { next: randomModel(), contextSize: 4000 },
      pace: { prefillTokensPerSecond: 1e6, decodeTokensPerSecond: 200 },
    });
    const controller = new AbortController();
    const response = await post(
      server,
      "/v1/completions",
      { prompt: "x", max_tokens: 3000, stream: true, ignore_eos: true },
      controller.signal,
    );
    await response.body?.getReader().read();
    controller.abort();
    await expect.poll(() => server.busy).toBe(0);
    expect(server.work.decoded).toBeLessThan(1500);
    expect(server.requests[0]).toMatchObject({ outcome: "left" });
  });

  it("keeps a pace", async () => {
    const pace = { prefillTokensPerSecond: 2000, decodeTokensPerSecond: 500 };
    const server = await start({ dialect: "vllm", script: { next: randomModel() }, pace });
    const startMs = performance.now();
    await post(server, "/v1/completions", { prompt: "p".repeat(400), max_tokens: 100, ignore_eos: true });
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThan(395);
    expect(tookMs).toBeLessThan(800);
  });

  it("fails as told, and cuts its bytes as told", async () => {
    const server = await start({
      dialect: "openai",
      script,
      wire: { splitBytes: 1, keepAlives: true },
      faults: ({ number }) =>
        [
          undefined,
          { status: 503, retryAfter: 2 },
          { afterEvents: 2 },
          { afterEvents: 2, how: "error" } as const,
        ][number],
    });
    const body = { prompt: "Q:", temperature: 0, stream: true, max_tokens: 6 };
    const whole = await (await post(server, "/v1/completions", body)).text();
    expect(whole).toContain(": keep-alive");
    expect(whole).toContain("ñ");
    const refused = await post(server, "/v1/completions", body);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    await expect((await post(server, "/v1/completions", body)).text()).rejects.toThrow();
    const failed = await (await post(server, "/v1/completions", body)).text();
    expect(failed).toContain('"error":{"message"');
    expect(failed).not.toContain("[DONE]");
    expect(server.requests.map(({ outcome }) => outcome)).toEqual([
      "answered",
      "refused",
      "broken",
      "broken",
    ]);
  });

  it("asks for the key it was given", async () => {
    const server = await start({ dialect: "openai", script, apiKey: "right" });
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
    const headers = { authorization: "Bearer right" };
    expect((await fetch(`${server.url}/v1/models`, { headers })).status).toBe(200);
  });
});
