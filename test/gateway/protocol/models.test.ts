/** The dial in the model's name and in the request, which model does what, and the routes that say what is there. */
import { describe, expect, test } from "vitest";

import { EngineError } from "../../../src/core/errors.ts";
import { Pair } from "../../../src/decode/pair/pair.ts";
import type { ScriptedModel } from "../../../src/testing.ts";
import { BUILT_IN_TEMPLATES } from "../../../src/tokenizer/built-in-templates.ts";
import { answerOf, errorOf, gatewayOver, streamOf } from "./harness.ts";
import { ANSWER, BIG_PART, REASONING, scriptedPair, THOUGHT_1 } from "./scripted-pair.ts";

const CHAT = "/v1/chat/completions";
const messages = [{ role: "user", content: "what is 13 x 54?" }];
const chat = { model: "splitreason", messages };
const whole = (text: string) => ({ script: text, bigScript: text });
const plain = whole(`${REASONING}</think>${ANSWER}`);

describe("names of models", () => {
  test("splitreason:small is the policy never: the big model is not touched", async () => {
    const { pair, big } = scriptedPair(plain);
    const gateway = gatewayOver(pair);
    const answer = await answerOf(await gateway.post(CHAT, { ...chat, model: "splitreason:small" }));
    expect(answer.choices[0]?.message).toMatchObject({ content: ANSWER, reasoning_content: REASONING });
    expect(answer.splitreason).toMatchObject({ policy: "never", offload_share: 0, switches: 0 });
    expect(big.log).toEqual([]);
  });

  test("splitreason:big is the policy always: the small model is not touched", async () => {
    const { pair, small } = scriptedPair(plain);
    const answer = await answerOf(await gatewayOver(pair).post(CHAT, { ...chat, model: "splitreason:big" }));
    expect(answer.choices[0]?.message).toMatchObject({ content: ANSWER, reasoning_content: REASONING });
    expect(answer.splitreason).toMatchObject({ policy: "always", offload_share: 1 });
    expect(answer.usage.completion_tokens_details).toMatchObject({ small_tokens: 0 });
    expect(small.log).toEqual([]);
  });

  test("the big model's own template says whether its thought is open", async () => {
    const { pair, small, big } = scriptedPair(plain);
    const { template: _, ...config } = pair.config;
    Object.defineProperty(small, "chatTemplate", { value: BUILT_IN_TEMPLATES.chatml });
    Object.defineProperty(big, "chatTemplate", {
      value: `${BUILT_IN_TEMPLATES.chatml}{%- if add_generation_prompt -%}{{ '<think>\\n' }}{%- endif -%}`,
    });
    const gateway = gatewayOver(new Pair({ ...config, openThinking: false }, { small, big }));
    const answer = await answerOf(await gateway.post(CHAT, { ...chat, model: "splitreason:big" }));
    expect(answer.choices[0]?.message).toMatchObject({ content: ANSWER, reasoning_content: REASONING });
  });

  test("splitreason@BUDGET caps the big model's part; the extension says the same", async () => {
    const reached = Math.floor((0.1 * THOUGHT_1.length) / 0.9);
    expect(reached).toBe(1);
    const text = THOUGHT_1 + BIG_PART.slice(0, reached);
    const { pair } = scriptedPair({
      script: `${THOUGHT_1}<bigmodel>${BIG_PART.slice(0, reached)}</bigmodel>${ANSWER}`,
    });
    const gateway = gatewayOver(pair);
    const body = { ...chat, max_tokens: text.length };
    for (const asked of [
      { ...body, model: "splitreason@0.1" },
      { ...body, splitreason: { budget: 0.1 } },
      { ...body, model: "splitreason@0.1", splitreason: { budget: 0.1 } },
    ]) {
      const answer = await answerOf(await gateway.post(CHAT, asked));
      expect(answer.usage.completion_tokens_details).toMatchObject({ big_tokens: reached });
      expect(answer.choices[0]?.message?.reasoning_content).toBe(text);
    }
  });

  test("an operator's names are presets, which a request may override", async () => {
    const { pair } = scriptedPair(plain);
    const gateway = gatewayOver(pair, {
      models: {
        "gpt-4o": { policy: "never" },
        "team/half": { policy: "random", policyOptions: { share: 0.5, chunk: 4 } },
      },
    });
    const named = await answerOf(await gateway.post(CHAT, { ...chat, model: "gpt-4o" }));
    expect([named.model, named.splitreason["policy"]]).toEqual(["gpt-4o", "never"]);
    const other = { ...chat, model: "gpt-4o", splitreason: { policy: "always" } };
    expect((await answerOf(await gateway.post(CHAT, other))).splitreason["policy"]).toBe("always");
    const half = await answerOf(await gateway.post(CHAT, { ...chat, model: "team/half", seed: 3 }));
    expect(half.splitreason["policy"]).toBe("random");
    expect(half.splitreason["offload_share"]).toBeGreaterThan(0.1);
    expect(half.splitreason["offload_share"]).toBeLessThan(0.9);
    const list = (await (await gateway.app.request("/v1/models")).json()) as {
      data: { id: string; object: string }[];
    };
    expect(list.data.map(({ id }) => id)).toEqual([
      "splitreason",
      "splitreason:small",
      "splitreason:big",
      "gpt-4o",
      "team/half",
    ]);
    for (const id of ["splitreason@0.25", "team/half", "team%2Fhalf"]) {
      const response = await gateway.app.request(`/v1/models/${id}`);
      expect(await response.json()).toMatchObject({
        id: decodeURIComponent(id),
        object: "model",
        owned_by: "splitreason",
      });
    }
  });
});

describe("the extension's dial", () => {
  test("maxSegments 0 and reject 1 keep the big model out; maxSegmentTokens ends its span", async () => {
    const short = scriptedPair({
      script: `${THOUGHT_1}<bigmodel>${BIG_PART.slice(0, 4)}</bigmodel>${ANSWER}`,
    });
    const capped = await answerOf(
      await gatewayOver(short.pair).post(CHAT, {
        ...chat,
        splitreason: { maxSegmentTokens: 4, authors: true },
      }),
    );
    expect(capped.splitreason.segments?.map(({ author, tokens }) => [author, tokens])).toEqual([
      ["small", THOUGHT_1.length],
      ["big", 4],
      ["small", ANSWER.length],
    ]);
    for (const dial of [{ maxSegments: 0 }, { reject: 1 }, { budget: 0 }]) {
      const { pair } = scriptedPair(plain);
      const answer = await answerOf(await gatewayOver(pair).post(CHAT, { ...chat, splitreason: dial }));
      expect(answer.usage.completion_tokens_details).toMatchObject({ big_tokens: 0, switches: 0 });
    }
  });
});

describe("a model is away", () => {
  const away = (name: string) => () => {
    throw new EngineError(`${name} is away.`, { code: "engine-unavailable", retryable: true });
  };

  test("the small one: 502, before a stream begins as well", async () => {
    const { pair, small } = scriptedPair({ ...plain, smallHook: away("small") });
    for (const stream of [false, true]) {
      const error = await errorOf(await gatewayOver(pair).post(CHAT, { ...chat, stream }));
      expect(error).toMatchObject({ status: 502, type: "server_error", code: "engine_unavailable" });
      expect(error.message).toMatch(/small is away/);
    }
    expect(small.openSequences).toBe(0);
  });

  test("the small one, with whenSmallIsDown big: the big one writes alone and the answer says so", async () => {
    const { pair } = scriptedPair({ ...plain, smallHook: away("small") });
    const gateway = gatewayOver(pair, { whenSmallIsDown: "big" });
    const answer = await answerOf(await gateway.post(CHAT, chat));
    expect(answer.choices[0]?.message).toMatchObject({ content: ANSWER, reasoning_content: REASONING });
    expect(answer.splitreason).toMatchObject({
      policy: "always",
      degraded: "small is away; big wrote alone.",
    });
    const streamed = await streamOf(await gateway.post(CHAT, { ...chat, stream: true }));
    expect([streamed.reasoning, streamed.content]).toEqual([REASONING, ANSWER]);
    expect(streamed.report).toMatchObject({ policy: "always", degraded: "small is away; big wrote alone." });
    // Not where the request itself rules it out.
    for (const asked of [
      { model: "splitreason:small" },
      { model: "splitreason@0.1" },
      { splitreason: { budget: 0.1 } },
    ]) {
      expect((await gateway.post(CHAT, { ...chat, ...asked })).status).toBe(502);
    }
  });

  test("the big one: the small one continues, and the answer says why", async () => {
    // Forbidden to ask, it writes a dash.
    const smallNext: ScriptedModel = ({ text }) => {
      const own = text
        .slice(text.lastIndexOf("<think>\n") + 8)
        .replaceAll(/<bigmodel>.*?<\/bigmodel>/gu, "-");
      if (own.length < THOUGHT_1.length) return THOUGHT_1[own.length] ?? "";
      if (own.length === THOUGHT_1.length) return { "<bigmodel>": 0.9, "-": 0.1 };
      const rest = own.slice(THOUGHT_1.length + 1).replace("</think>", "|");
      return ["</think>", "4", "2"][rest.length] ?? "<|im_end|>";
    };
    const { pair } = scriptedPair({ smallNext, bigHook: away("big") });
    const gateway = gatewayOver(pair);
    const body = { ...chat, temperature: 0 };
    const answer = await answerOf(await gateway.post(CHAT, body));
    const streamed = await streamOf(await gateway.post(CHAT, { ...body, stream: true }));
    expect(answer.choices[0]?.message?.content).toBe("42");
    expect(streamed.content).toBe("42");
    for (const report of [answer.splitreason, streamed.report]) {
      expect(report).toMatchObject({
        policy: "learned",
        degraded: expect.stringMatching(/big is away/),
        offload_share: 0,
      });
    }
    expect(gateway.log[0]).toMatchObject({ status: 200, level: "warn", degraded: true });
    const error = await errorOf(await gateway.post(CHAT, { ...chat, model: "splitreason:big" }));
    expect(error).toMatchObject({ status: 502, code: "engine_unavailable" });
  });
});

describe("what is there", () => {
  test("healthz, readyz, metrics, playground.json", async () => {
    const { pair } = scriptedPair();
    const examples = [{ title: "one", problem: "1 + 1" }];
    const { app, post } = gatewayOver(pair, { limits: { maxTokens: 100 } }, { examples });
    expect(await (await app.request("/healthz")).json()).toEqual({ status: "ok" });
    expect(await (await app.request("/readyz")).json()).toEqual({
      status: "ready",
      models: { small: { model: "small", state: "up" }, big: { model: "big", state: "up" } },
    });
    expect(await (await app.request("/playground.json")).json()).toEqual({
      pair: { small: "small", big: "big" },
      models: { split: "splitreason", small: "splitreason:small", big: "splitreason:big" },
      defaults: { budget: 1, bias: 0, maxTokens: 100, temperature: 0.6 },
      examples,
      needsKey: false,
    });
    await answerOf(await post(CHAT, chat));
    await errorOf(await post(CHAT, "{"));
    const response = await app.request("/metrics");
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/u);
    const metrics = await response.text();
    expect(metrics).toContain(`splitreason_requests_total{route="${CHAT}",status="200"} 1`);
    expect(metrics).toContain(`splitreason_requests_total{route="${CHAT}",status="400"} 1`);
    expect(metrics).toContain(`splitreason_tokens_total{author="big"} ${BIG_PART.length}`);
  });

  test("with a key, all but healthz needs it", async () => {
    const { pair } = scriptedPair();
    const { app, post } = gatewayOver(pair, {}, { apiKey: "secret-key" });
    expect((await app.request("/healthz")).status).toBe(200);
    for (const path of ["/readyz", "/metrics", "/v1/models", "/playground.json", "/nowhere"]) {
      expect(await errorOf(await app.request(path))).toMatchObject({
        status: 401,
        type: "authentication_error",
      });
    }
    expect((await post(CHAT, "{")).status).toBe(401);
    const headers = { authorization: "Bearer secret-key" };
    expect((await app.request("/v1/models", { headers })).status).toBe(200);
    await answerOf(await post(CHAT, chat, { headers }));
  });

  test("the log has one line a request, without its text", async () => {
    const { pair } = scriptedPair();
    const { log, post } = gatewayOver(pair);
    const answer = await answerOf(await post(CHAT, chat));
    await streamOf(await post(CHAT, { ...chat, stream: true }));
    expect(log).toHaveLength(2);
    expect(log[0]).toMatchObject({
      method: "POST",
      route: CHAT,
      status: 200,
      model: "splitreason",
      policy: "learned",
      stream: false,
      choices: 1,
      bigTokens: BIG_PART.length,
      switches: 1,
      finish: "end-of-turn",
      requestId: answer.id.replace("chatcmpl-", ""),
    });
    expect(log[1]).toMatchObject({ status: 200, stream: true, bigTokens: BIG_PART.length });
    expect(JSON.stringify(log)).not.toMatch(/13 x 54|answer is/u);
  });

  test("with logPrompts, it has", async () => {
    const { pair } = scriptedPair();
    const { log, post } = gatewayOver(pair, { logPrompts: true });
    await answerOf(await post(CHAT, chat));
    expect(log[0]?.["prompt"]).toContain("what is 13 x 54?");
    expect(log[0]?.["output"]).toBe(REASONING + ANSWER);
  });
});
