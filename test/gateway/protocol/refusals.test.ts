/** Bad input gets a clear error, and changes nothing: no model is touched, no place is taken. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { answerOf, errorOf, gatewayOver, type TestGateway } from "./harness.ts";
import { scriptedPair, type ScriptedPair } from "./scripted-pair.ts";

const CHAT = "/v1/chat/completions";
const messages = [{ role: "user", content: "hello" }];
const chat = { model: "splitreason", messages };
const completion = { model: "splitreason", prompt: "hello>>" };

let models: ScriptedPair;
let gateway: TestGateway;
beforeAll(() => {
  models = scriptedPair();
  gateway = gatewayOver(models.pair, { limits: { bodyBytes: 20_000, maxTokens: 1000, choices: 4 } });
});
afterAll(async () => {
  expect(models.small.log).toEqual([]);
  expect(models.big.log).toEqual([]);
  expect([models.small.openSequences, gateway.admission.running, gateway.admission.waiting]).toEqual([
    0, 0, 0,
  ]);
  // And it still works.
  await answerOf(await gateway.post(CHAT, chat));
});

const user = (content: unknown) => ({ messages: [{ role: "user", content }] });
const split = (extension: unknown) => ({ splitreason: extension });

/** Fields added to a valid request, the field that the error names, and its message. */
const CHAT_FAULTS: readonly (readonly [fields: object, param: string, says: RegExp])[] = [
  [{ model: undefined }, "model", /it is missing/],
  [{ model: 5 }, "model", /expected string/],
  [{ messages: undefined }, "messages", /it is missing/],
  [{ messages: [] }, "messages", /at least one message/],
  [{ messages: "hello" }, "messages", /expected array/],
  [{ messages: ["hello"] }, "messages[0]", /./],
  [{ messages: [{ content: "x" }] }, "messages[0].role", /system, developer, user or assistant/],
  [
    { messages: [{ role: "tool", content: "x", tool_call_id: "1" }] },
    "messages[0].role",
    /system, developer, user/,
  ],
  [{ messages: [{ role: "user" }] }, "messages[0].content", /./],
  [user(""), "messages", /the prompt is empty/],
  [user(" \n"), "messages", /the prompt is empty/],
  [user([]), "messages", /the prompt is empty/],
  [user(5), "messages[0].content", /a text, or an array of parts/],
  [
    user([{ type: "image_url", image_url: { url: "https://x" } }]),
    "messages[0].content[0].type",
    /only parts of type text/,
  ],
  [
    user([{ type: "text", text: "a", cache_control: {} }]),
    "messages[0].content[0].cache_control",
    /not known/,
  ],
  [user("\ud800"), "messages[0].content", /half a surrogate/],
  [{ messages: [{ role: "user", content: "x", name: "eve" }] }, "messages[0].name", /cannot be honoured/],
  [
    { messages: [{ role: "assistant", content: "x", tool_calls: [{ id: "1" }] }] },
    "messages[0].tool_calls",
    /tools/,
  ],
  [{ max_tokens: 0 }, "max_tokens", /./],
  [{ max_tokens: 1.5 }, "max_tokens", /./],
  [{ max_tokens: 1001 }, "max_tokens", /more than this gateway writes, which is 1000/],
  [{ max_completion_tokens: 1001 }, "max_completion_tokens", /1000/],
  [{ max_tokens: 5, max_completion_tokens: 6 }, "max_tokens", /differs/],
  [{ temperature: -1 }, "temperature", /./],
  [{ temperature: "hot" }, "temperature", /expected number/],
  [{ temperature: 2.1 }, "temperature", /./],
  [{ top_p: 0 }, "top_p", /greater than 0/],
  [{ top_p: 1.1 }, "top_p", /./],
  [{ stop: "" }, "stop", /cannot be empty/],
  [{ stop: ["a", ""] }, "stop[1]", /cannot be empty/],
  [{ stop: ["a", "b", "c", "d", "e"] }, "stop", /at most 4/],
  [{ stop: 5 }, "stop", /a text of at least one character/],
  [{ seed: 1.5 }, "seed", /./],
  [{ seed: "1" }, "seed", /./],
  [{ n: 0 }, "n", /./],
  [{ n: 5 }, "n", /5 choices are more than this gateway gives at once, which is 4/],
  [{ stream: "yes" }, "stream", /expected boolean/],
  [{ stream_options: { include_usage: true } }, "stream_options", /for streams only/],
  [{ stream: true, stream_options: { include_use: true } }, "stream_options.include_use", /not known/],
  [{ tools: [{ type: "function" }] }, "tools", /tools cannot be honoured/],
  [{ tool_choice: "required" }, "tool_choice", /tools/],
  [{ functions: [{}] }, "functions", /tools/],
  [{ response_format: { type: "json_object" } }, "response_format", /only/],
  [{ logprobs: true }, "logprobs", /log-probabilities/],
  [{ top_logprobs: 3 }, "top_logprobs", /log-probabilities/],
  [{ logit_bias: { 50: 1 } }, "logit_bias", /biases/],
  [{ presence_penalty: 0.5 }, "presence_penalty", /penalties/],
  [{ frequency_penalty: -0.5 }, "frequency_penalty", /penalties/],
  [{ store: true }, "store", /nothing is stored/],
  [{ reasoning_effort: "high" }, "reasoning_effort", /dial/],
  [{ modalities: ["text", "audio"] }, "modalities", /./],
  [{ service_tier: "flex" }, "service_tier", /./],
  [{ prediction: { type: "content" } }, "prediction", /./],
  [{ top_k: 40 }, "top_k", /not known here, so it cannot be honoured/],
  [{ prompt: "x" }, "prompt", /not known/],
  [split("x"), "splitreason", /./],
  [split({ budgett: 0.1 }), "splitreason.budgett", /not known/],
  [split({ budget: 2 }), "splitreason.budget", /./],
  [split({ budget: "0.1" }), "splitreason.budget", /expected number/],
  [split({ bias: 1e9 }), "splitreason.bias", /./],
  [split({ maxSegments: -1 }), "splitreason.maxSegments", /./],
  [split({ maxSegmentTokens: 0 }), "splitreason.maxSegmentTokens", /./],
  [split({ reject: 1.5 }), "splitreason.reject", /./],
  [split({ authors: "yes" }), "splitreason.authors", /./],
  [split({ reasoning: "none" }), "splitreason.reasoning", /./],
  [
    split({ policy: "toString" }),
    "splitreason.policy",
    /known are learned, random, entropy, step-score, call-n, cue, logprob-select, rewrite, never, self, speculative, always/,
  ],
  [
    split({ policy: "entropy:treshold=1" }),
    "splitreason.policy",
    /policy "entropy": there is no option "treshold"; there are .*threshold/,
  ],
  [split({ policy: "entropy:1" }), "splitreason.policy", /write entropy:OPTION=VALUE/],
  [
    split({ policy: "cue", policyOptions: { tokens: 0 } }),
    "splitreason.policyOptions",
    /policy "cue", option "tokens"/,
  ],
  [split({ policyOptions: { share: 0.5 } }), "splitreason.policyOptions", /policy "learned"/],
  [split({ policy: "rewrite", reject: 0.5 }), "splitreason.reject", /rewrite cannot honour reject 0.5/],
  [split({ policy: "always", budget: 0.5 }), "splitreason.budget", /always cannot honour budget 0.5/],
  [split({ policy: "random", bias: 1 }), "splitreason.bias", /random cannot honour bias/],
  [split({ policy: "never", bias: 1 }), "splitreason.bias", /never cannot honour bias/],
  [
    { model: "splitreason:small", ...split({ policy: "learned" }) },
    "splitreason.policy",
    /contradicts the model's name/,
  ],
  [
    { model: "splitreason@0.1", ...split({ budget: 0.2 }) },
    "splitreason.budget",
    /contradicts the model's name/,
  ],
  [{ model: "splitreason:big", ...split({ maxSegments: 1 }) }, "splitreason.maxSegments", /cannot honour/],
];

const COMPLETION_FAULTS: readonly (readonly [fields: object, param: string, says: RegExp])[] = [
  [{ prompt: undefined }, "prompt", /it is missing/],
  [{ prompt: "" }, "prompt", /the prompt is empty/],
  [{ prompt: [] }, "prompt", /the prompt is empty/],
  [{ prompt: ["a", ""] }, "prompt[1]", /the prompt is empty/],
  [{ prompt: [1, 2, 3] }, "prompt[0]", /token ids cannot be read/],
  [{ prompt: ["a", "b", "c"], n: 2 }, "prompt", /6 choices are more/],
  [{ messages }, "messages", /not known/],
  [{ max_completion_tokens: 5 }, "max_completion_tokens", /not known/],
  [{ best_of: 2 }, "best_of", /more than n candidates/],
  [{ echo: true }, "echo", /cannot be honoured/],
  [{ suffix: "x" }, "suffix", /cannot be honoured/],
  [{ logprobs: 0 }, "logprobs", /log-probabilities/],
  [split({ reasoning: "separate" }), "splitreason.reasoning", /one text/],
];

describe.each([
  ["chat", CHAT, chat, CHAT_FAULTS],
  ["text", "/v1/completions", completion, COMPLETION_FAULTS],
] as const)("%s completions refuse with 400 and name the field", (_name, path, valid, faults) => {
  test.each(faults.map(([fields, param, says]) => [JSON.stringify(fields), param, fields, says] as const))(
    "%s -> %s",
    async (_shown, param, fields, says) => {
      const response = await gateway.post(path, { ...valid, ...fields });
      expect(response.headers.get("content-type")).toBe("application/json");
      const error = await errorOf(response);
      expect(error).toMatchObject({ status: 400, type: "invalid_request_error", param });
      expect(error.message).toMatch(says);
    },
  );
});

describe("a body that is no request", () => {
  test.each([
    ["", /not valid JSON/],
    ["{", /not valid JSON/],
    ['{"model": "splitreason", "messages": [}', /not valid JSON/],
    ["[]", /the body: .*expected object/],
    ["null", /the body: .*expected object/],
    ['"text"', /the body: .*expected object/],
    [
      `{"model":"splitreason","messages":[{"role":"user","content":"x"}],"__proto__":{"n":2}}`,
      /__proto__: .*not known/,
    ],
  ])("%s", async (body, says) => {
    const error = await errorOf(await gateway.post(CHAT, body));
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error" });
    expect(error.message).toMatch(says);
  });

  test("not UTF-8", async () => {
    const body = Buffer.from('{"model":"\xff"}', "latin1");
    const error = await errorOf(await gateway.post(CHAT, "", { body }));
    expect(error).toMatchObject({ status: 400, message: expect.stringMatching(/UTF-8/) });
  });

  test("not declared as JSON, which a page of another site could send without asking", async () => {
    const headers = { "content-type": "text/plain" };
    const error = await errorOf(await gateway.post(CHAT, chat, { headers }));
    expect(error).toMatchObject({ status: 415, message: expect.stringMatching(/application\/json/) });
  });

  test("too large, with its length declared or not", async () => {
    const body = JSON.stringify({ ...chat, user: "x".repeat(20_000) });
    for (const headers of [{}, { "content-length": String(body.length) }]) {
      const error = await errorOf(await gateway.post(CHAT, body, { headers }));
      expect(error).toMatchObject({ status: 413, message: expect.stringMatching(/larger than 20000 bytes/) });
    }
  });

  test("nested deeper than anything that is meant", async () => {
    const body = `{"model":"splitreason","messages":${"[".repeat(9000)}${"]".repeat(9000)}}`;
    expect(await errorOf(await gateway.post(CHAT, body))).toMatchObject({
      status: 400,
      param: "messages[0]",
    });
  });
});

describe("what is not there", () => {
  test.each([
    "gpt-4",
    "splitreason@2",
    "splitreason@",
    "splitreason@-1",
    "splitreason@1e-1",
    "splitreason:huge",
    "constructor",
  ])("the model %s", async (model) => {
    const error = await errorOf(await gateway.post(CHAT, { ...chat, model }));
    expect(error).toMatchObject({ status: 404, code: "model_not_found", param: "model" });
    expect(error.message).toContain("splitreason:small");
    const retrieved = await gateway.app.request(`/v1/models/${encodeURIComponent(model)}`);
    expect((await errorOf(retrieved)).status).toBe(404);
  });

  test("a route, or a method of one", async () => {
    expect(await errorOf(await gateway.app.request("/v1/embeddings"))).toMatchObject({
      status: 404,
      type: "invalid_request_error",
      code: "unknown_url",
    });
    const response = await gateway.app.request(CHAT);
    expect(response.headers.get("allow")).toBe("POST");
    expect((await errorOf(response)).status).toBe(405);
  });
});

describe("a prompt that is too long", () => {
  const long = { ...chat, ...user("x".repeat(300)) };

  test.each([false, true])("for the context (stream: %s): 400 context_length_exceeded", async (stream) => {
    const short = scriptedPair({ contextSize: 200 });
    const error = await errorOf(await gatewayOver(short.pair).post(CHAT, { ...long, stream }));
    expect(error).toMatchObject({
      status: 400,
      type: "invalid_request_error",
      code: "context_length_exceeded",
      param: "messages",
      message: expect.stringMatching(/does not fit into its context of 200 tokens/),
    });
    expect([short.small.openSequences, short.big.openSequences]).toEqual([0, 0]);
    const text = { ...completion, prompt: `${"x".repeat(300)}>>`, stream };
    expect(await errorOf(await gatewayOver(short.pair).post("/v1/completions", text))).toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "prompt",
    });
  });

  test("for the operator: limits.promptTokens, before a model is touched", async () => {
    const { pair, small } = scriptedPair();
    const limited = gatewayOver(pair, { limits: { promptTokens: 100 } });
    expect(await errorOf(await limited.post(CHAT, long))).toMatchObject({
      status: 400,
      code: "context_length_exceeded",
      param: "messages",
      message: expect.stringMatching(/the prompt has 3\d\d tokens; this gateway reads at most 100/),
    });
    expect(small.log).toEqual([]);
    await answerOf(await limited.post(CHAT, chat));
  });
});

test("what the template refuses is the client's fault, and is said", async () => {
  const template =
    "{%- for message in messages -%}{%- if message.role == 'system' -%}{{ raise_exception('no system here') }}{%- endif -%}{{ message.content }}{%- endfor -%}";
  const { pair } = scriptedPair({ config: { template } });
  const error = await errorOf(
    await gatewayOver(pair).post(CHAT, {
      ...chat,
      messages: [{ role: "system", content: "s" }, ...messages],
    }),
  );
  expect(error).toMatchObject({
    status: 400,
    param: "messages",
    message: expect.stringMatching(/no system here/),
  });
});
