/** The AI SDK with its OpenAI-compatible provider: only the base URL is ours. */
import { createOpenAICompatible, type OpenAICompatibleProvider } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, type LanguageModel, stepCountIs, streamText } from "ai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { microExample } from "../../src/micro/index.ts";
import { slow } from "../../src/engines/scripted/index.ts";
import {
  ANSWER,
  ANSWER_ALONE,
  COMPLETION_PROMPT,
  drawn,
  expectStopped,
  QUESTION,
  REASONING,
  REASONING_ALONE,
  type Served,
  serveMicro,
  serveScripted,
  SPAN,
} from "./served-pair.ts";

let served: Served;
let model: LanguageModel;
beforeAll(async () => {
  served = await serveScripted();
  model = providerOf(served).chatModel("splitreason");
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
});

function providerOf(to: { readonly baseURL: string }, apiKey?: string): OpenAICompatibleProvider {
  return createOpenAICompatible({
    name: "splitreason",
    baseURL: to.baseURL,
    includeUsage: true,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
}

const once = { maxRetries: 0 } as const;

describe("generateText", () => {
  it("gives the thoughts as reasoning, the answer as text, and the usage", async () => {
    const result = await generateText({ model, prompt: QUESTION, ...once });
    expect(result.text).toBe(ANSWER);
    expect(result.reasoningText).toBe(REASONING);
    expect(result.content.map(({ type }) => type)).toEqual(["reasoning", "text"]);
    expect(result.finishReason).toBe("stop");
    const { inputTokens, outputTokens, totalTokens, outputTokenDetails } = result.usage;
    expect(inputTokens).toBeGreaterThan(QUESTION.length);
    expect(totalTokens).toBe(inputTokens! + outputTokens!);
    expect(outputTokenDetails.reasoningTokens).toBeGreaterThanOrEqual(REASONING.length);
    expect(outputTokenDetails.textTokens).toBe(outputTokens! - outputTokenDetails.reasoningTokens!);
  });

  it("honours stop texts, limits and the dial in the model's name", async () => {
    const stopped = await generateText({ model, prompt: QUESTION, stopSequences: [" is", "never"], ...once });
    expect(stopped.text).toBe("The answer");
    const short = await generateText({ model, prompt: QUESTION, maxOutputTokens: 6, ...once });
    expect([short.reasoningText, short.finishReason]).toEqual(["Twelve", "length"]);
    const small = providerOf(served).chatModel("splitreason:small");
    const alone = await generateText({ model: small, prompt: QUESTION, ...once });
    expect([alone.reasoningText, alone.text]).toEqual([REASONING_ALONE, ANSWER_ALONE]);
  });

  it("carries the extension as an option of the provider", async () => {
    const result = await generateText({
      model,
      prompt: QUESTION,
      providerOptions: { splitreason: { splitreason: { budget: 0, authors: true } } },
      ...once,
    });
    expect([result.reasoningText, result.text]).toEqual([REASONING_ALONE, ANSWER_ALONE]);
  });

  it("sends a conversation back, thoughts included, and continues it", async () => {
    const first = await generateText({ model, prompt: QUESTION, ...once });
    const second = await generateText({
      model,
      system: "Answer in one sentence.",
      messages: [
        { role: "user", content: QUESTION },
        ...first.response.messages,
        { role: "user", content: QUESTION },
      ],
      stopWhen: stepCountIs(1),
      ...once,
    });
    expect(JSON.stringify(second.request.body)).toContain("reasoning_content");
    expect(second.text).toBe(ANSWER);
  });

  it("works with its completion models", async () => {
    const completion = providerOf(served).completionModel("splitreason");
    const sent: unknown[] = [];
    // The SDK writes the prompt as "user:\n...\n\nassistant:\n" and stops at the next turn of the user.
    const result = await generateText({
      model: completion,
      prompt: COMPLETION_PROMPT,
      onStepFinish: ({ request }) => void sent.push(request.body),
      ...once,
    });
    expect(JSON.stringify(sent)).toContain("user:");
    expect(result.text).toBe(`${REASONING}</think>${ANSWER}`);
  });
});

describe("streamText", () => {
  it("gives reasoning parts, then text parts, each begun and ended", async () => {
    const result = streamText({ model, prompt: QUESTION, ...once });
    const types: string[] = [];
    let reasoning = "";
    let text = "";
    for await (const part of result.fullStream) {
      if (types.at(-1) !== part.type) types.push(part.type);
      if (part.type === "reasoning-delta") reasoning += part.text;
      if (part.type === "text-delta") text += part.text;
      if (part.type === "error") throw part.error;
    }
    expect(reasoning).toBe(REASONING);
    expect(text).toBe(ANSWER);
    const parts = types.filter((type) => /^(?:reasoning|text)-/u.test(type));
    expect(parts).toEqual([
      "reasoning-start",
      "reasoning-delta",
      "reasoning-end",
      "text-start",
      "text-delta",
      "text-end",
    ]);
    expect(await result.finishReason).toBe("stop");
    const whole = await generateText({ model, prompt: QUESTION, ...once });
    expect(await result.usage).toMatchObject({
      inputTokens: whole.usage.inputTokens,
      outputTokens: whole.usage.outputTokens,
    });
  });

  it("stops both models when it is aborted", async () => {
    await using rig = await serveScripted();
    rig.hook = slow(10);
    const controller = new AbortController();
    const result = streamText({
      model: providerOf(rig).chatModel("splitreason"),
      prompt: QUESTION,
      abortSignal: controller.signal,
      onError: () => {},
      ...once,
    });
    let reasoning = "";
    let isAborted = false;
    for await (const part of result.fullStream) {
      if (part.type === "reasoning-delta") reasoning += part.text;
      if (reasoning.length > 20) controller.abort();
      isAborted ||= part.type === "abort";
    }
    expect(isAborted).toBe(true);
    expect(REASONING.startsWith(reasoning)).toBe(true);
    await expectStopped(rig);
    expect(drawn(rig.small)).toBeLessThan(REASONING.length + ANSWER.length - SPAN.length);
  });

  it("reports a failure in mid-stream as an error part", async () => {
    await using broken = await serveScripted();
    let draws = 0;
    broken.hook = ({ kind }) => {
      if (kind === "draw" && ++draws > 8) throw new Error("out of memory");
    };
    const parts: string[] = [];
    const result = streamText({
      model: providerOf(broken).chatModel("splitreason"),
      prompt: QUESTION,
      onError: () => {},
      ...once,
    });
    let reasoning = "";
    for await (const part of result.fullStream) {
      parts.push(part.type);
      if (part.type === "reasoning-delta") reasoning += part.text;
    }
    expect(reasoning).toBe("Twelve t");
    expect(parts).toContain("error");
  });
});

describe("errors", () => {
  it.each([
    ["400", { model: "splitreason", temperature: 9 }, 400, false],
    ["404", { model: "gpt-9" }, 404, false],
  ])(
    "%s is a call error with the status and our message",
    async (_, { model: name, ...more }, status, isRetryable) => {
      const error = await failure(
        generateText({ model: providerOf(served).chatModel(name), prompt: QUESTION, ...more, ...once }),
      );
      expect(APICallError.isInstance(error) && [error.statusCode, error.isRetryable]).toEqual([
        status,
        isRetryable,
      ]);
      expect((error as Error).message).toContain(status === 404 ? "gpt-9" : "temperature");
    },
  );

  it("401 without the key", async () => {
    await using locked = await serveScripted({ apiKey: "a-key-for-this-test" });
    const ask = (apiKey: string) =>
      generateText({ model: providerOf(locked, apiKey).chatModel("splitreason"), prompt: QUESTION, ...once });
    expect(await failure(ask("another"))).toMatchObject({ statusCode: 401 });
    expect((await ask("a-key-for-this-test")).text).toBe(ANSWER);
  });

  it("429 is tried again, and served once there is a place", async () => {
    await using full = await serveScripted({ config: { limits: { concurrent: 1, choices: 1, queue: 0 } } });
    full.hook = slow(5);
    const chat = providerOf(full).chatModel("splitreason");
    const first = generateText({ model: chat, prompt: QUESTION, ...once });
    await vi.waitFor(() => expect(drawn(full.small)).toBeGreaterThan(0), 5000);
    expect(await failure(generateText({ model: chat, prompt: QUESTION, ...once }))).toMatchObject({
      statusCode: 429,
    });
    const patient = generateText({ model: chat, prompt: QUESTION, maxRetries: 4 });
    expect((await first).text).toBe(ANSWER);
    expect((await patient).text).toBe(ANSWER);
  });
});

describe("over the shipped pair", () => {
  it(
    "solves a problem with both models, and streams the same as it answers",
    { timeout: 120_000 },
    async () => {
      await using micro = await serveMicro();
      const { text: prompt } = microExample("test", 11, 0);
      const chat = providerOf(micro).chatModel("splitreason");
      const whole = await generateText({ model: chat, prompt, seed: 3, temperature: 0, ...once });
      const stream = streamText({ model: chat, prompt, seed: 3, temperature: 0, ...once });
      expect(await stream.text).toBe(whole.text);
      expect(await stream.reasoningText).toBe(whole.reasoningText);
      expect(whole.reasoningText).not.toMatch(/bigmodel/u);
      expect(whole.text).toMatch(/\\boxed\{\d+\}/u);
    },
  );
});

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
