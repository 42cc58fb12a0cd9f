/** The official `openai` client, as its users call it: only the base URL is ours. */
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

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
  serveScripted,
  SPAN,
} from "./served-pair.ts";

type Chunk = OpenAI.Chat.Completions.ChatCompletionChunk;

let served: Served;
let client: OpenAI;
beforeAll(async () => {
  served = await serveScripted();
  client = clientOf(served);
});
afterAll(async () => {
  await served[Symbol.asyncDispose]();
});

function clientOf(
  { baseURL }: { readonly baseURL: string },
  more: { apiKey?: string; maxRetries?: number } = {},
): OpenAI {
  return new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, ...more });
}

const messages = [{ role: "user" as const, content: QUESTION }];
const request = { model: "splitreason", messages };
/** A field that the client hands through without knowing it. */
const reasoningOf = (part: object | undefined): string =>
  part !== undefined && "reasoning_content" in part ? String(part.reasoning_content) : "";

function joined(
  chunks: readonly Chunk[],
  index = 0,
): { reasoning: string; content: string; finish: string | undefined } {
  const choices = chunks.flatMap((chunk) => chunk.choices.filter((choice) => choice.index === index));
  return {
    reasoning: choices.map(({ delta }) => reasoningOf(delta)).join(""),
    content: choices.map(({ delta }) => delta.content ?? "").join(""),
    finish: choices.map(({ finish_reason: finish }) => finish).find((finish) => finish !== null) ?? undefined,
  };
}

async function chunksOf(stream: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe("chat completions", () => {
  it("answers at once", async () => {
    const answer = await client.chat.completions.create(request);
    const [choice] = answer.choices;
    expect(choice?.message.content).toBe(ANSWER);
    expect(choice?.message.role).toBe("assistant");
    expect(reasoningOf(choice?.message)).toBe(REASONING);
    expect(choice?.finish_reason).toBe("stop");
    expect(answer).toMatchObject({ object: "chat.completion", model: "splitreason" });
    const usage = answer.usage!;
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
    expect(usage.completion_tokens_details).toMatchObject({ big_tokens: SPAN.length, switches: 1 });
  });

  it("streams, with the usage in a last chunk when asked", async () => {
    const chunks = await chunksOf(
      await client.chat.completions.create({
        ...request,
        stream: true,
        stream_options: { include_usage: true },
      }),
    );
    expect(joined(chunks)).toEqual({ reasoning: REASONING, content: ANSWER, finish: "stop" });
    const last = chunks.at(-1)!;
    expect(last.choices).toEqual([]);
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    const whole = await client.chat.completions.create(request);
    expect(last.usage).toEqual(whole.usage);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it("streams without usage when it is not asked for", async () => {
    const chunks = await chunksOf(await client.chat.completions.create({ ...request, stream: true }));
    expect(chunks.some(({ usage }) => usage !== undefined)).toBe(false);
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
  });

  it("works with the client's own accumulating helper", async () => {
    const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } });
    const deltas: string[] = [];
    stream.on("content", (delta) => deltas.push(delta));
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe(ANSWER);
    expect(deltas.join("")).toBe(ANSWER);
    expect((await stream.totalUsage()).total_tokens).toBeGreaterThan(0);
  });

  it.each([false, true])("gives n choices (stream: %s)", async (stream) => {
    if (!stream) {
      const answer = await client.chat.completions.create({ ...request, n: 3 });
      expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
      expect(answer.choices.map(({ message }) => message.content)).toEqual([ANSWER, ANSWER, ANSWER]);
      const one = (await client.chat.completions.create(request)).usage!;
      expect(answer.usage?.completion_tokens).toBe(3 * one.completion_tokens);
      expect(answer.usage?.prompt_tokens).toBe(one.prompt_tokens);
      return;
    }
    const chunks = await chunksOf(await client.chat.completions.create({ ...request, n: 3, stream: true }));
    for (const index of [0, 1, 2]) {
      expect(joined(chunks, index)).toEqual({ reasoning: REASONING, content: ANSWER, finish: "stop" });
    }
  });

  it("stops at a stop text, within the big model's words too", async () => {
    const inAnswer = await client.chat.completions.create({ ...request, stop: " is" });
    expect(inAnswer.choices[0]?.message.content).toBe("The answer");
    expect(inAnswer.choices[0]?.finish_reason).toBe("stop");
    const inSpan = await client.chat.completions.create({ ...request, stop: ["=4", "never"] });
    expect(reasoningOf(inSpan.choices[0]?.message)).toBe("Twelve times four: 12*4");
    expect(inSpan.choices[0]?.message.content).toBe("");
  });

  it("ends at the limit of tokens, under either name of it", async () => {
    for (const limit of [{ max_tokens: 6 }, { max_completion_tokens: 6 }]) {
      const { choices, usage } = await client.chat.completions.create({ ...request, ...limit });
      expect(choices[0]?.finish_reason).toBe("length");
      expect(reasoningOf(choices[0]?.message)).toBe("Twelve");
      expect(usage?.completion_tokens).toBe(6);
    }
  });

  it("turns the dial by the model's name", async () => {
    for (const model of ["splitreason:small", "splitreason@0"]) {
      const answer = await client.chat.completions.create({ model, messages });
      expect(answer.choices[0]?.message.content).toBe(ANSWER_ALONE);
      expect(reasoningOf(answer.choices[0]?.message)).toBe(REASONING_ALONE);
      expect(answer.usage?.completion_tokens_details).toMatchObject({ big_tokens: 0 });
    }
    const big = await client.chat.completions.create({ model: "splitreason:big", messages });
    expect(big.choices[0]?.message.content).toBe(ANSWER);
    expect(big.usage?.completion_tokens_details).toMatchObject({ small_tokens: 0 });
  });

  it("carries the extension through the client's own call", async () => {
    const body = { ...request, stream: true as const, splitreason: { authors: true } };
    const chunks = await chunksOf(await client.chat.completions.create(body));
    const byBig = chunks.filter(
      (chunk) => (chunk as { splitreason?: { author?: string } }).splitreason?.author === "big",
    );
    expect(joined(byBig).reasoning).toBe(SPAN);
  });

  it("takes the turns before, as the client sends them back", async () => {
    const first = await client.chat.completions.create(request);
    const history = [...messages, first.choices[0]!.message, { role: "user" as const, content: QUESTION }];
    const second = await client.chat.completions.create({ model: "splitreason", messages: history });
    expect(second.choices[0]?.message.content).toBe(ANSWER);
    expect(second.usage!.prompt_tokens).toBeGreaterThan(first.usage!.prompt_tokens + ANSWER.length);
  });
});

describe("text completions", () => {
  // A text completion has no turn that was opened: the thoughts and the answer are one text.
  const text = `${REASONING}</think>${ANSWER}`;

  it("answers at once and as a stream", async () => {
    const body = { model: "splitreason", prompt: COMPLETION_PROMPT };
    const whole = await client.completions.create(body);
    expect(whole.choices[0]).toMatchObject({ text, finish_reason: "stop" });
    let streamed = "";
    for await (const chunk of await client.completions.create({ ...body, stream: true })) {
      streamed += chunk.choices[0]?.text ?? "";
    }
    expect(streamed).toBe(text);
  });

  it("stops at a stop text", async () => {
    const { choices } = await client.completions.create({
      model: "splitreason",
      prompt: COMPLETION_PROMPT,
      stop: "\n",
    });
    expect(choices[0]?.text).toBe(REASONING.trimEnd());
  });
});

describe("models", () => {
  it("lists them and finds one", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(expect.arrayContaining(["splitreason", "splitreason:small", "splitreason:big"]));
    expect(await client.models.retrieve("splitreason:small")).toMatchObject({
      id: "splitreason:small",
      object: "model",
    });
    await expect(client.models.retrieve("gpt-9")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});

describe("errors are the client's own types", () => {
  it("400 names the field, 404 the model", async () => {
    const wrong = await failure(client.chat.completions.create({ ...request, temperature: -1 }));
    expect(wrong).toBeInstanceOf(OpenAI.BadRequestError);
    expect(wrong).toMatchObject({ status: 400, param: "temperature", type: "invalid_request_error" });
    const extension = { ...request, splitreason: { authors: true, bugdet: 1 } };
    expect(await failure(client.chat.completions.create(extension))).toMatchObject({
      status: 400,
      param: "splitreason.bugdet",
    });
    const tools = [{ type: "function" as const, function: { name: "f" } }];
    expect(await failure(client.chat.completions.create({ ...request, tools }))).toMatchObject({
      status: 400,
      param: "tools",
    });
    const missing = await failure(client.chat.completions.create({ ...request, model: "gpt-9" }));
    expect(missing).toBeInstanceOf(OpenAI.NotFoundError);
    expect(missing).toMatchObject({ code: "model_not_found", param: "model" });
  });

  it("401 without the key, and an answer with it", async () => {
    await using locked = await serveScripted({ apiKey: "a-key-for-this-test" });
    const refused = await failure(clientOf(locked).chat.completions.create(request));
    expect(refused).toBeInstanceOf(OpenAI.AuthenticationError);
    const answer = await clientOf(locked, { apiKey: "a-key-for-this-test" }).chat.completions.create(request);
    expect(answer.choices[0]?.message.content).toBe(ANSWER);
  });

  it("429 when all places are taken; the client comes back when it is told to, and is served", async () => {
    await using full = await serveScripted({ config: { limits: { concurrent: 1, choices: 1, queue: 0 } } });
    full.hook = slow(5);
    const first = await clientOf(full).chat.completions.create({ ...request, stream: true });
    const refused = await failure(clientOf(full).chat.completions.create(request));
    expect(refused).toBeInstanceOf(OpenAI.RateLimitError);
    const retryAfter = Number(
      (refused as InstanceType<typeof OpenAI.RateLimitError>).headers.get("retry-after"),
    );
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    const startMs = performance.now();
    const patient = clientOf(full, { maxRetries: 3 }).chat.completions.create(request);
    expect(joined(await chunksOf(first)).content).toBe(ANSWER);
    expect((await patient).choices[0]?.message.content).toBe(ANSWER);
    expect(performance.now() - startMs).toBeGreaterThan(900);
  });

  it("502 when the small model fails before the first word; an error in the stream when it fails later", async () => {
    await using broken = await serveScripted();
    broken.hook = ({ kind }) => {
      if (kind === "draw") throw new Error("out of memory");
    };
    const early = await failure(clientOf(broken).chat.completions.create(request));
    expect(early).toBeInstanceOf(OpenAI.InternalServerError);
    let draws = 0;
    broken.hook = ({ kind }) => {
      if (kind === "draw" && ++draws > 8) throw new Error("out of memory");
    };
    const chunks: Chunk[] = [];
    const late = await failure(
      (async () => {
        for await (const chunk of await clientOf(broken).chat.completions.create({
          ...request,
          stream: true,
        })) {
          chunks.push(chunk);
        }
      })(),
    );
    expect(late).toBeInstanceOf(OpenAI.APIError);
    expect(joined(chunks).reasoning).toBe("Twelve t");
  });
});

describe("aborts stop both models", () => {
  it("when a stream is left in the small model's words, and in the big model's", async () => {
    await using rig = await serveScripted();
    for (const stopAfter of ["Twelve", "Twelve times four: 12*"]) {
      rig.hook = slow(10);
      const stream = await clientOf(rig).chat.completions.create({ ...request, stream: true });
      let text = "";
      for await (const chunk of stream) {
        text += reasoningOf(chunk.choices[0]?.delta);
        if (text.length >= stopAfter.length) break;
      }
      expect(REASONING.startsWith(text)).toBe(true);
      expect(text).not.toBe(REASONING);
      await expectStopped(rig);
    }
    // All there was to write, twice, would have been more.
    expect(drawn(rig.small)).toBeLessThan(2 * (REASONING.length + ANSWER.length) - 40);
  });

  it("when a request without a stream is aborted, or takes the client too long", async () => {
    await using rig = await serveScripted();
    rig.hook = slow(10);
    const controller = new AbortController();
    const aborted = failure(clientOf(rig).chat.completions.create(request, { signal: controller.signal }));
    await vi.waitFor(() => expect(drawn(rig.small)).toBeGreaterThan(2), 5000);
    controller.abort();
    expect(await aborted).toBeInstanceOf(OpenAI.APIUserAbortError);
    await expectStopped(rig);
    expect(drawn(rig.small)).toBeLessThan(REASONING.length + ANSWER.length - SPAN.length);
    const late = await failure(clientOf(rig).chat.completions.create(request, { timeout: 200 }));
    expect(late).toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
    await expectStopped(rig);
  });
});

/** The error with which a promise is rejected. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}
