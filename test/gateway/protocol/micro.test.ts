/** The routes over the shipped micro pair: what a newcomer meets is what the decoder writes. */
import { readFile } from "node:fs/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { collect, learned, SplitDecoder } from "../../../src/decode/index.ts";
import type { Pair } from "../../../src/decode/pair/pair.ts";
import { microExample } from "../../../src/micro/index.ts";
import { answerOf, gatewayOver, openMicro, streamOf } from "./harness.ts";

const CHAT = "/v1/chat/completions";
const problem = microExample("test", 5, 0).text;
const messages = [{ role: "user" as const, content: problem }];
const chat = { model: "splitreason", messages };

let pair: Pair;
beforeAll(async () => {
  pair = await openMicro();
}, 60_000);
afterAll(async () => {
  await pair.close();
});

describe("the micro pair", { timeout: 120_000 }, () => {
  test("answers over HTTP as it does in process, streamed or not, with the same authors", async () => {
    const direct = await collect(
      new SplitDecoder(pair).decode({
        ...pair.render(messages),
        policy: learned(),
        limits: { maxTokens: 512 },
        sampling: { temperature: 0, seed: 1 },
      }),
    );
    const gateway = gatewayOver(pair);
    const body = { ...chat, seed: 1, splitreason: { authors: true } };
    const answer = await answerOf(await gateway.post(CHAT, body));
    const { content, reasoning_content: reasoning } = answer.choices[0]?.message ?? { content: "" };
    expect(`${reasoning}</think>${content}`).toBe(direct.text);
    expect(content).toMatch(/\\boxed\{\d{1,3}\}/u);
    expect(answer.splitreason.segments).toEqual(
      direct.segments.map(({ author, text, tokens, reason }) => ({ author, text, tokens, reason })),
    );
    expect(answer.usage).toMatchObject({
      prompt_tokens: direct.usage.promptTokens,
      completion_tokens: direct.usage.smallTokens + direct.usage.bigTokens,
      completion_tokens_details: { big_tokens: direct.usage.bigTokens, switches: direct.usage.switches },
    });
    expect(direct.usage.switches).toBeGreaterThan(0);

    const streamed = await streamOf(await gateway.post(CHAT, { ...body, stream: true }));
    expect([streamed.reasoning, streamed.content, streamed.finish]).toEqual([reasoning, content, "stop"]);
    const tokens = { small: 0, big: 0 };
    for (const { splitreason } of streamed.chunks) {
      if (splitreason?.author === "small" || splitreason?.author === "big") {
        tokens[splitreason.author] += splitreason.tokens ?? 0;
      }
    }
    expect(tokens).toEqual({ small: direct.usage.smallTokens, big: direct.usage.bigTokens });
  });

  test("answers the examples of docs/api.md as they are printed there", async () => {
    const examples = (await readFile("docs/api.md", "utf8")).split("\n## Examples\n")[1] ?? "";
    const [chatBody = "", textBody = ""] = [...examples.matchAll(/ -d '(\{.*?\})'\n/gsu)].map(
      ([, body]) => body,
    );
    const gateway = gatewayOver(pair);
    const answer = await answerOf(await gateway.post(CHAT, JSON.parse(chatBody)));
    const { content, reasoning_content: reasoning } = answer.choices[0]?.message ?? { content: "" };
    expect(examples).toContain(`"content":${JSON.stringify(content)}`);
    expect(examples).toContain(JSON.stringify(reasoning));
    const { small_tokens: small, big_tokens: big } = answer.usage.completion_tokens_details;
    expect(examples).toContain(`"small_tokens":${small},"big_tokens":${big},`);

    const written = await (await gateway.post("/v1/completions", JSON.parse(textBody))).text();
    const [text = "no text"] = /"text":"(?:[^"\\]|\\.)*"/u.exec(written) ?? [];
    expect(examples).toContain(text);
  });

  test("under a policy of the request's own, with its options", async () => {
    const gateway = gatewayOver(pair);
    const shares = [];
    for (const threshold of [0, 9]) {
      const asked = { policy: "step-score", policyOptions: { threshold } };
      const { splitreason } = await answerOf(await gateway.post(CHAT, { ...chat, splitreason: asked }));
      expect(splitreason["policy"]).toBe("step-score");
      shares.push(splitreason["offload_share"]);
    }
    const typed = { policy: "step-score:threshold=0" };
    const again = await answerOf(await gateway.post(CHAT, { ...chat, splitreason: typed }));
    shares.push(again.splitreason["offload_share"]);
    expect(shares[0]).toBe(0);
    expect(shares[1]).toBeGreaterThan(0.5);
    expect(shares[2]).toBe(0);
  });

  test("by name alone: small, big, and a budget of nothing", async () => {
    const gateway = gatewayOver(pair);
    const shares = [];
    for (const model of ["splitreason:small", "splitreason@0", "splitreason:big"]) {
      const { splitreason } = await answerOf(await gateway.post(CHAT, { ...chat, model }));
      shares.push(splitreason["offload_share"]);
    }
    expect(shares).toEqual([0, 0, 1]);
  });

  test("several choices at once differ at a temperature, and each can be had again", async () => {
    const gateway = gatewayOver(pair);
    const body = { ...chat, temperature: 1.5, seed: 4 };
    const answer = await answerOf(await gateway.post(CHAT, { ...body, n: 3 }));
    const texts = answer.choices.map(({ message }) => message?.reasoning_content);
    expect(new Set(texts).size).toBe(3);
    const seed = answer.choices[2]?.splitreason?.["seed"];
    const again = await answerOf(await gateway.post(CHAT, { ...body, seed }));
    expect(again.choices[0]?.message?.reasoning_content).toBe(texts[2]);
  });
});
