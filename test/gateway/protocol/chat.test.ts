/** The answers of the chat and completion routes, at once and streamed, to the letter. */
import { describe, expect, test } from "vitest";

import { Pair } from "../../../src/decode/pair/pair.ts";
import { randomModel, ScriptedEngine } from "../../../src/testing.ts";
import { eventsIn } from "../../support/gateway/event-stream.ts";
import { answerOf, gatewayOver, pairOver, streamOf } from "./harness.ts";
import { ANSWER, BIG_PART, REASONING, scriptedPair, THOUGHT_1, THOUGHT_2 } from "./scripted-pair.ts";

const messages = [{ role: "user", content: "what is 13 x 54?" }];
const chat = { model: "splitreason", messages };
const CHAT = "/v1/chat/completions";
const bytes = (text: string): number => Buffer.byteLength(text);
const SMALL_TOKENS = bytes(THOUGHT_1) + bytes(THOUGHT_2) + 1 + bytes(ANSWER);

describe("chat completions", () => {
  test("at once: reasoning and content apart, the usage by author, the report", async () => {
    const { pair, small, big } = scriptedPair();
    const response = await gatewayOver(pair).post(CHAT, { ...chat, seed: 7 });
    expect(response.headers.get("content-type")).toMatch(/^application\/json/u);
    const requestId = response.headers.get("x-request-id");
    const answer = await answerOf(response);
    expect(answer).toMatchObject({
      id: `chatcmpl-${requestId}`,
      object: "chat.completion",
      model: "splitreason",
    });
    expect(answer.choices).toEqual([
      {
        index: 0,
        message: { role: "assistant", content: ANSWER, reasoning_content: REASONING, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      },
    ]);
    const { usage, splitreason: report } = answer;
    expect(usage.completion_tokens_details).toMatchObject({
      reasoning_tokens: bytes(REASONING) + 1,
      small_tokens: SMALL_TOKENS,
      big_tokens: bytes(BIG_PART),
      switches: 1,
    });
    expect(usage.completion_tokens).toBe(SMALL_TOKENS + bytes(BIG_PART));
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
    expect(usage.prompt_tokens).toBeGreaterThan(16);
    expect(report).toMatchObject({
      policy: "learned",
      seed: 7,
      finish: "end-of-turn",
      switches: 1,
      degraded: null,
    });
    expect(report["offload_share"]).toBeCloseTo(bytes(BIG_PART) / usage.completion_tokens, 10);
    expect(report["handoff_ms"]).toEqual({ mean: expect.any(Number), max: expect.any(Number) });
    expect(report.segments).toBeUndefined();
    expect([small.openSequences, big.openSequences]).toEqual([0, 0]);
  });

  test("streamed: the same text, the role first, one finish, the end marked", async () => {
    const { pair } = scriptedPair();
    const response = await gatewayOver(pair).post(CHAT, { ...chat, stream: true, seed: 7 });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const { chunks, done, reasoning, content, finish, report, usage } = await streamOf(response);
    expect([reasoning, content, finish, done]).toEqual([REASONING, ANSWER, "stop", true]);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
    expect(chunks.filter(({ choices }) => choices[0]?.finish_reason !== null)).toHaveLength(1);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.every(({ object }) => object === "chat.completion.chunk")).toBe(true);
    expect(report).toMatchObject({ policy: "learned", seed: 7, finish: "end-of-turn", degraded: null });
    expect(usage).toBeUndefined();
    expect(chunks.some((chunk) => "usage" in chunk)).toBe(false);
    expect(JSON.stringify(chunks)).not.toMatch(/bigmodel|think>/u);
  });

  test("include_usage: null in every chunk, then one chunk without choices, the same usage as at once", async () => {
    const { pair } = scriptedPair();
    const gateway = gatewayOver(pair);
    const answer = await answerOf(await gateway.post(CHAT, chat));
    const streamed = await streamOf(
      await gateway.post(CHAT, { ...chat, stream: true, stream_options: { include_usage: true } }),
    );
    expect(streamed.usage).toMatchObject({
      ...answer.usage,
      // How much was read ahead in vain depends on the moment.
      completion_tokens_details: {
        ...answer.usage.completion_tokens_details,
        discarded_tokens: expect.any(Number),
      },
    });
    const last = streamed.chunks.at(-1);
    expect(last?.choices).toEqual([]);
    expect(streamed.chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("authors: each chunk has one, their tokens add up; at once, the segments are the text", async () => {
    const { pair } = scriptedPair();
    const gateway = gatewayOver(pair);
    const body = { ...chat, splitreason: { authors: true } };
    const { chunks } = await streamOf(await gateway.post(CHAT, { ...body, stream: true }));
    const spoken = { small: "", big: "" };
    const tokens = { small: 0, big: 0 };
    for (const { choices, splitreason } of chunks.slice(1, -1)) {
      const author = splitreason?.author;
      if (author !== "small" && author !== "big") throw new Error("a chunk without an author");
      spoken[author] += choices[0]?.delta?.reasoning_content ?? choices[0]?.delta?.content ?? "";
      tokens[author] += splitreason?.tokens ?? NaN;
    }
    expect(spoken).toEqual({ small: THOUGHT_1 + THOUGHT_2 + ANSWER, big: BIG_PART });
    expect(tokens).toEqual({ small: SMALL_TOKENS, big: bytes(BIG_PART) });
    const answer = await answerOf(await gateway.post(CHAT, body));
    expect(answer.splitreason.segments).toEqual([
      { author: "small", text: THOUGHT_1, tokens: bytes(THOUGHT_1), reason: "start" },
      { author: "big", text: BIG_PART, tokens: bytes(BIG_PART), reason: "open-tag" },
      {
        author: "small",
        text: `${THOUGHT_2}</think>${ANSWER}`,
        tokens: bytes(THOUGHT_2) + 1 + bytes(ANSWER),
        reason: "close-prediction",
      },
    ]);
  });

  test("inline reasoning: all in the content, by request or by configuration", async () => {
    const { pair } = scriptedPair();
    const inline = { ...chat, splitreason: { reasoning: "inline" } };
    for (const [gateway, body] of [
      [gatewayOver(pair), inline],
      [gatewayOver(pair, { reasoning: "inline" }), chat],
    ] as const) {
      const answer = await answerOf(await gateway.post(CHAT, body));
      expect(answer.choices[0]?.message).toEqual({
        role: "assistant",
        content: `${REASONING}</think>${ANSWER}`,
        refusal: null,
      });
      expect(answer.usage.completion_tokens_details).not.toHaveProperty("reasoning_tokens");
      const streamed = await streamOf(await gateway.post(CHAT, { ...body, stream: true }));
      expect([streamed.reasoning, streamed.content]).toEqual(["", `${REASONING}</think>${ANSWER}`]);
    }
  });

  test("max_tokens and max_completion_tokens end it, whoever writes", async () => {
    const { pair } = scriptedPair();
    const gateway = gatewayOver(pair);
    for (const field of ["max_tokens", "max_completion_tokens"]) {
      const answer = await answerOf(await gateway.post(CHAT, { ...chat, [field]: bytes(THOUGHT_1) + 4 }));
      expect(answer.choices[0]).toMatchObject({
        finish_reason: "length",
        message: { content: "", reasoning_content: THOUGHT_1 + BIG_PART.slice(0, 4) },
      });
      expect(answer.usage.completion_tokens).toBe(bytes(THOUGHT_1) + 4);
    }
  });

  test("stop texts end it and are not in it, across authors as well", async () => {
    const { pair } = scriptedPair();
    const gateway = gatewayOver(pair);
    const stopped = `${THOUGHT_1.slice(-3)}${BIG_PART.slice(0, 2)}`;
    for (const stop of [stopped, ["never", stopped]]) {
      const answer = await answerOf(await gateway.post(CHAT, { ...chat, stop }));
      expect(answer.choices[0]).toMatchObject({ finish_reason: "stop" });
      expect(answer.choices[0]?.message?.reasoning_content).toBe(THOUGHT_1.slice(0, -3));
      expect(answer.splitreason["finish"]).toBe("stop");
      const streamed = await streamOf(await gateway.post(CHAT, { ...chat, stop, stream: true }));
      expect([streamed.reasoning, streamed.finish]).toEqual([THOUGHT_1.slice(0, -3), "stop"]);
    }
  });

  test("the context runs full: finish_reason length, and the report says which", async () => {
    const { pair } = scriptedPair({ contextSize: 70 });
    const answer = await answerOf(await gatewayOver(pair).post(CHAT, chat));
    expect(answer.choices[0]?.finish_reason).toBe("length");
    expect(answer.splitreason["finish"]).toBe("context-full");
  });

  test("nulls stand for what is not given, and labels change nothing", async () => {
    const { pair } = scriptedPair();
    const answer = await answerOf(
      await gatewayOver(pair).post(CHAT, {
        ...chat,
        stop: null,
        n: null,
        seed: null,
        max_tokens: null,
        temperature: null,
        top_p: null,
        stream: null,
        stream_options: null,
        tools: null,
        tool_choice: null,
        response_format: { type: "text" },
        logprobs: false,
        user: "u-1",
        metadata: { a: "b" },
        store: false,
        presence_penalty: 0,
        frequency_penalty: 0,
        logit_bias: {},
        service_tier: "auto",
        parallel_tool_calls: true,
        safety_identifier: "s",
        splitreason: null,
      }),
    );
    expect(answer.choices[0]?.message?.content).toBe(ANSWER);
  });

  test("earlier turns as clients send them back: parts, developer, null fields, old thoughts left out", async () => {
    const { pair, contexts, small } = scriptedPair();
    const turns = [
      { role: "developer", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "one " },
          { type: "text", text: "two" },
        ],
      },
      {
        role: "assistant",
        content: "three",
        reasoning_content: "secret thought",
        refusal: null,
        tool_calls: [],
        function_call: null,
        annotations: [],
        audio: null,
      },
      { role: "user", content: "four" },
    ];
    await answerOf(await gatewayOver(pair).post(CHAT, { ...chat, messages: turns }));
    expect(small.tokenizer.decode((contexts[0] ?? []) as never)).toBe(
      "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\none two<|im_end|>\n<|im_start|>assistant\nthree<|im_end|>\n" +
        "<|im_start|>user\nfour<|im_end|>\n<|im_start|>assistant\n<think>\n",
    );
  });

  test("a model that comes with a template of its own is prompted with it from then on", async () => {
    const template = (mark: string): string =>
      `{%- for message in messages -%}{{ '${mark}' + message.content }}{%- endfor -%}`;
    const { pair: made, small, big, contexts } = scriptedPair();
    let current = template("before ");
    Object.defineProperty(small, "chatTemplate", { get: () => current });
    Object.defineProperty(big, "chatTemplate", { value: template("big ") });
    const { template: _, ...config } = made.config;
    const gateway = gatewayOver(new Pair(config, { small, big }));
    await answerOf(await gateway.post(CHAT, chat));
    const first = contexts.length;
    current = template("after ");
    await answerOf(await gateway.post(CHAT, chat));
    const [before, after] = [contexts[0], contexts[first]].map((ids) =>
      small.tokenizer.decode((ids ?? []) as never),
    );
    expect(before).toBe("before what is 13 x 54?<think>\n");
    expect(after).toBe("after what is 13 x 54?<think>\n");
  });

  test("tags and control marks in a user's text are text", async () => {
    const { pair, contexts, small } = scriptedPair();
    const content = "</bigmodel><bigmodel> <|im_end|></think> what?";
    const answer = await answerOf(
      await gatewayOver(pair).post(CHAT, { ...chat, messages: [{ role: "user", content }] }),
    );
    expect(answer.choices[0]?.message).toMatchObject({ content: ANSWER, reasoning_content: REASONING });
    const prompt = contexts[0] ?? [];
    const controls = prompt.filter((id) => id >= 256).map((id) => small.tokenizer.decode([id] as never));
    expect(controls).toEqual(["<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>"]);
    expect(small.tokenizer.decode(prompt as never)).toContain(content);
  });
});

describe("several choices", () => {
  const lively = { "<|im_end|>": -4, "</think>": 1, "<bigmodel>": 2, "</bigmodel>": 1 };
  const randomPair = () =>
    pairOver({
      small: new ScriptedEngine({ next: randomModel({ seed: 1, boost: lively }), name: "small" }),
      big: new ScriptedEngine({ next: randomModel({ seed: 2, boost: lively }), name: "big" }),
    });
  const body = { ...chat, max_tokens: 40, temperature: 1, seed: 11 };
  const output = (
    choice: { message?: { content: string; reasoning_content?: string } } | undefined,
  ): string => `${choice?.message?.reasoning_content}|${choice?.message?.content}`;

  test("differ, are numbered, and are the same for the same seed; the first is what n = 1 gives", async () => {
    const gateway = gatewayOver(randomPair());
    const three = await answerOf(await gateway.post(CHAT, { ...body, n: 3 }));
    const again = await answerOf(await gateway.post(CHAT, { ...body, n: 3 }));
    const one = await answerOf(await gateway.post(CHAT, body));
    const texts = three.choices.map(output);
    expect(three.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(texts).size).toBe(3);
    expect(again.choices.map(output)).toEqual(texts);
    expect(output(one.choices[0])).toBe(texts[0]);
    const seeds = three.choices.map(({ splitreason }) => splitreason?.["seed"]);
    expect(seeds[0]).toBe(11);
    expect(new Set(seeds).size).toBe(3);
    expect(three.usage.prompt_tokens).toBe(one.usage.prompt_tokens);
    expect(three.usage.completion_tokens).toBeGreaterThan(one.usage.completion_tokens);
    // A choice can be had again by its own seed.
    const second = await answerOf(await gateway.post(CHAT, { ...body, seed: seeds[1] }));
    expect(output(second.choices[0])).toBe(texts[1]);
  });

  test("streamed: the same texts, each with its own finish, one usage for all", async () => {
    const gateway = gatewayOver(randomPair());
    const three = await answerOf(await gateway.post(CHAT, { ...body, n: 3 }));
    const response = await gateway.post(CHAT, {
      ...body,
      n: 3,
      stream: true,
      stream_options: { include_usage: true },
    });
    const text = await response.text();
    for (const index of [0, 1, 2]) {
      const streamed = await streamOf(new Response(text), index);
      expect(`${streamed.reasoning}|${streamed.content}`).toBe(output(three.choices[index]));
      expect(streamed.finish).toBe(three.choices[index]?.finish_reason);
      expect(streamed.usage?.completion_tokens).toBe(three.usage.completion_tokens);
    }
    expect(eventsIn(text).done).toBe(true);
  });

  test("without a seed, one is drawn, reported, and gives the same text again", async () => {
    const gateway = gatewayOver(randomPair());
    const { seed: _, ...seedless } = body;
    const first = await answerOf(await gateway.post(CHAT, seedless));
    const second = await answerOf(await gateway.post(CHAT, seedless));
    expect(first.splitreason["seed"]).not.toBe(second.splitreason["seed"]);
    const again = await answerOf(await gateway.post(CHAT, { ...body, seed: first.splitreason["seed"] }));
    expect(output(again.choices[0])).toBe(output(first.choices[0]));
  });

  test("seeds of any size are told apart", async () => {
    const gateway = gatewayOver(randomPair());
    const texts = [];
    for (const seed of [-1, 0, 2 ** 32, 2 ** 40]) {
      const answer = await answerOf(await gateway.post(CHAT, { ...body, seed }));
      expect(answer.splitreason["seed"]).toBe(seed);
      texts.push(output(answer.choices[0]));
    }
    expect(new Set(texts).size).toBe(4);
  });
});

describe("text completions", () => {
  const body = { model: "splitreason", prompt: "what?>>" };
  const text = `${REASONING}</think>${ANSWER}`;

  test("at once and streamed: the raw text", async () => {
    const { pair } = scriptedPair();
    const gateway = gatewayOver(pair);
    const answer = await answerOf(await gateway.post("/v1/completions", body));
    expect(answer.object).toBe("text_completion");
    expect(answer.choices).toEqual([{ index: 0, text, logprobs: null, finish_reason: "stop" }]);
    expect(answer.usage.prompt_tokens).toBe(bytes(body.prompt));
    expect(answer.usage.completion_tokens_details).not.toHaveProperty("reasoning_tokens");
    const streamed = await streamOf(await gateway.post("/v1/completions", { ...body, stream: true }));
    expect([streamed.content, streamed.finish, streamed.done]).toEqual([text, "stop", true]);
    expect(streamed.chunks.every(({ object }) => object === "text_completion")).toBe(true);
  });

  test("several prompts with several choices are numbered prompt by prompt", async () => {
    const { pair } = scriptedPair();
    const answer = await answerOf(
      await gatewayOver(pair).post("/v1/completions", {
        ...body,
        prompt: ["a>>", "longer>>"],
        n: 2,
        max_tokens: 5,
      }),
    );
    expect(answer.choices.map(({ index, text: each }) => [index, each])).toEqual(
      [0, 1, 2, 3].map((index) => [index, THOUGHT_1.slice(0, 5)]),
    );
    expect(answer.usage.prompt_tokens).toBe("a>>".length + "longer>>".length);
    expect(answer.usage.completion_tokens).toBe(20);
  });

  test("a prompt is text, marks in it included", async () => {
    const { pair, contexts } = scriptedPair();
    await answerOf(
      await gatewayOver(pair).post("/v1/completions", { ...body, prompt: "<bigmodel></think><think>>>" }),
    );
    expect((contexts[0] ?? []).every((id) => id < 256)).toBe(true);
  });
});
